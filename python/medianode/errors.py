"""The exception tree of the control plane, grouped by who must act. Refuses to know any status code.

::

    MedianodeError            what was attempted, with which ids
      RequestError            the caller must change something
        InvalidArgument  NotFound  Conflict  Unauthenticated  PermissionDenied  WrongState  Unsupported
      CapacityError           try later or elsewhere; carries retry_after
        LimitReached  Overloaded  Draining
      PeerError               the remote end misbehaved or went away
        PeerProtocolError  PeerGone
      DependencyError         the environment failed
        NodeUnavailable  StorageUnavailable  NetworkUnavailable  ChainUnavailable
      InternalError           our bug
        EnginePanic
"""


class MedianodeError(Exception):
    """Something that was asked could not be done; the text says what, and with which ids."""


class RequestError(MedianodeError):
    """The caller must change something before trying again."""


class InvalidArgument(RequestError):
    """What was given is malformed or out of range."""


class NotFound(RequestError):
    """There is no such thing, or the caller may not know that there is."""


class Conflict(RequestError):
    """Somebody else holds what was asked for."""


class Unauthenticated(RequestError):
    """No credential, or one that does not verify."""


class PermissionDenied(RequestError):
    """The credential is good, but does not allow this."""


class WrongState(RequestError):
    """The thing exists, but not in a state in which this can be done."""


class Unsupported(RequestError):
    """Understood, but this node cannot do it."""


class CapacityError(MedianodeError):
    """Try later or elsewhere."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        """Takes the text and the seconds after which trying again makes sense."""
        super().__init__(message)
        self.retry_after = retry_after


class LimitReached(CapacityError):
    """A named limit of this peer, room or node is used up."""


class Overloaded(CapacityError):
    """A queue is full for the moment."""


class Draining(CapacityError):
    """The node is stopping and takes nobody in."""


class PeerError(MedianodeError):
    """The remote end misbehaved or went away."""


class PeerProtocolError(PeerError):
    """The remote end broke its protocol."""


class PeerGone(PeerError):
    """The remote end left while something waited for it."""


class DependencyError(MedianodeError):
    """The environment failed."""


class NodeUnavailable(DependencyError):
    """A node does not answer."""


class StorageUnavailable(DependencyError):
    """The data folder cannot be read or written."""


class NetworkUnavailable(DependencyError):
    """A socket could not be opened or used."""


class ChainUnavailable(DependencyError):
    """No endpoint of the chain answers, or too few agree; what waits for the chain goes on waiting."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        """Takes the text and the seconds after which trying again makes sense."""
        super().__init__(message)
        self.retry_after = retry_after


class InternalError(MedianodeError):
    """Our bug."""


class EnginePanic(InternalError):
    """The core hit a state that it holds impossible; what was affected is closed."""
