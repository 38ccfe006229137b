"""Entering a node, changing it, handing it over, leaving. The owner's key and the node's key are two."""

from medianode.errors import InvalidArgument, RequestError
from medianode.wallet.actions.approvals import Approver, RelayRequest, as_argument
from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.actions.intents import intent
from medianode.wallet.actions.records import Details, NodeRecord
from medianode.wallet.keys.signer import Signer
from medianode.wallet.tx.intent import NewIntent
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.messages import Deregister, Register, Rotate, SignerConsent, Update

REGISTRY = "NodeRegistry"
APPROVAL = "(uint256,uint256,bytes)"
DETAILS = "(bytes8,uint32,bytes32,string)"
NODE = "(address,address,bytes8,uint32,bytes32,string)"


async def register(
    approver: Approver, owner: str, node_key: Signer, payee: str, details: Details
) -> NewIntent:
    """Enters a node; the owner sends, the node's key consents."""
    consent = await _consent(approver, owner, node_key)
    entry = (node_key.address, payee, *details.as_tuple())
    data = approver.contracts.call(REGISTRY, f"register({NODE},{APPROVAL})", entry, as_argument(consent))
    return _register(approver.contracts, owner, owner, node_key.address, data)


async def register_request(
    approver: Approver, owner: Signer, node_key: Signer, payee: str, details: Details
) -> RelayRequest:
    """Approves the same for somebody else to bring to the chain."""
    region, version, caps_hash, endpoint = details.as_tuple()
    message = Register(
        owner=owner.address,
        signer=node_key.address,
        payee=payee,
        region=region,
        version=version,
        caps_hash=caps_hash,
        endpoint=endpoint,
        nonce=await approver.nonce(owner.address, Register),
        deadline=approver.deadline,
    )
    approval = await approver.approve(owner, message)
    return RelayRequest("registerFor", (approval, await _consent(approver, owner.address, node_key)))


def update(contracts: Contracts, node: NodeRecord, details: Details) -> NewIntent:
    """Changes where and what a node is; its own key sends."""
    data = contracts.call(REGISTRY, f"update(uint256,{DETAILS})", node.node_id, details.as_tuple())
    return _update(contracts, node.signer, node, details, data)


async def update_request(
    approver: Approver, node_key: Signer, node: NodeRecord, details: Details
) -> RelayRequest:
    """Approves the same for somebody else to bring to the chain."""
    region, version, caps_hash, endpoint = details.as_tuple()
    message = Update(
        node_id=node.node_id,
        region=region,
        version=version,
        caps_hash=caps_hash,
        endpoint=endpoint,
        nonce=await approver.nonce(node_key.address, Update),
        deadline=approver.deadline,
    )
    return RelayRequest("updateFor", (await approver.approve(node_key, message),))


async def rotate(approver: Approver, node: NodeRecord, new_key: Signer) -> NewIntent:
    """Gives a node another key; the owner sends, the new key consents."""
    consent = await _consent(approver, node.owner, new_key)
    target = (node.node_id, new_key.address, as_argument(consent))
    data = approver.contracts.call(REGISTRY, f"rotate(uint256,address,{APPROVAL})", *target)
    return _rotate(approver.contracts, node.owner, node.node_id, new_key.address, data)


async def rotate_request(
    approver: Approver, owner: Signer, node: NodeRecord, new_key: Signer
) -> RelayRequest:
    """Approves the same for somebody else to bring to the chain."""
    nonce = await approver.nonce(owner.address, Rotate)
    message = Rotate(node_id=node.node_id, signer=new_key.address, nonce=nonce, deadline=approver.deadline)
    approval = await approver.approve(owner, message)
    return RelayRequest("rotateFor", (approval, await _consent(approver, owner.address, new_key)))


def change_payee(contracts: Contracts, node: NodeRecord, payee: str) -> NewIntent:
    """Says who is paid from then on; takes effect after the registry's delay."""
    data = contracts.call(REGISTRY, "changePayee(uint256,address)", node.node_id, payee)
    key = f"{node.node_id}:{node.payee}:{payee}"
    ask = {"is": "payee", "node_id": node.node_id, "payee": payee}
    return intent(contracts, "payee", key, node.owner, (REGISTRY, data), ask, money=True)


def offer_owner(contracts: Contracts, node: NodeRecord, to: str) -> NewIntent:
    """Offers a node to another owner; it is theirs once they accept."""
    data = contracts.call(REGISTRY, "offerOwner(uint256,address)", node.node_id, to)
    ask = {"is": "offered", "node_id": node.node_id, "to": to}
    return intent(
        contracts, "offer", f"{node.node_id}:{node.owner}:{to}", node.owner, (REGISTRY, data), ask, money=True
    )


def accept_owner(contracts: Contracts, node: NodeRecord, owner: str) -> NewIntent:
    """Accepts a node that was offered."""
    data = contracts.call(REGISTRY, "acceptOwner(uint256)", node.node_id)
    ask = {"is": "owner", "node_id": node.node_id, "owner": owner}
    return intent(
        contracts, "accept", f"{node.node_id}:{node.owner}:{owner}", owner, (REGISTRY, data), ask, money=True
    )


def deregister(contracts: Contracts, node: NodeRecord) -> NewIntent:
    """Takes a node out for good; the owner sends."""
    data = contracts.call(REGISTRY, "deregister(uint256)", node.node_id)
    return _deregister(contracts, node.owner, node.node_id, data)


async def deregister_request(approver: Approver, owner: Signer, node: NodeRecord) -> RelayRequest:
    """Approves the same for somebody else to bring to the chain."""
    nonce = await approver.nonce(owner.address, Deregister)
    message = Deregister(node_id=node.node_id, nonce=nonce, deadline=approver.deadline)
    return RelayRequest("deregisterFor", (await approver.approve(owner, message),))


def relayed(contracts: Contracts, request: RelayRequest, relayer: str) -> NewIntent:
    """Brings approvals of others to the chain; ``relayer`` pays. What cannot pass is refused here, before it costs."""
    for signed in request.approvals:
        if signed.data.domain != contracts.deployment.registry_domain:
            domain = signed.data.domain
            raise InvalidArgument(
                f"it is for {domain.verifying_contract} on chain {domain.chain_id}, not for ours"
            )
        if not signed.signature:
            name = type(signed.data.message).__name__
            raise InvalidArgument(f"{name} waits for the owner's signature (--owner-signature FILE)")
        if isinstance(signed.data.message, SignerConsent):
            _check_signer(signed)
    signed_by = [as_argument(signed) for signed in request.approvals]
    match [request.function, *(signed.data.message for signed in request.approvals)]:
        case ["registerFor", Register() as m, SignerConsent()]:
            entry = (m.signer, m.payee, m.region, m.version, m.caps_hash, m.endpoint)
            function = f"registerFor(address,{NODE},{APPROVAL},{APPROVAL})"
            data = contracts.call(REGISTRY, function, m.owner, entry, *signed_by)
            return _register(contracts, relayer, m.owner, m.signer, data)
        case ["updateFor", Update() as m]:
            details = (m.region, m.version, m.caps_hash, m.endpoint)
            data = contracts.call(
                REGISTRY, f"updateFor(uint256,{DETAILS},{APPROVAL})", m.node_id, details, *signed_by
            )
            ask = _details_ask(m.node_id, _details_of(m))
            return intent(contracts, "update", f"{m.node_id}:relay{m.nonce}", relayer, (REGISTRY, data), ask)
        case ["rotateFor", Rotate() as m, SignerConsent()]:
            function = f"rotateFor(uint256,address,{APPROVAL},{APPROVAL})"
            data = contracts.call(REGISTRY, function, m.node_id, m.signer, *signed_by)
            return _rotate(contracts, relayer, m.node_id, m.signer, data)
        case ["deregisterFor", Deregister() as m]:
            data = contracts.call(REGISTRY, f"deregisterFor(uint256,{APPROVAL})", m.node_id, *signed_by)
            return _deregister(contracts, relayer, m.node_id, data)
    raise InvalidArgument(f"a relay request {request.function!r} with these approvals is not known")


def _check_signer(signed: SignedMessage) -> None:
    """Compares the node's key that consents with who signed. An owner may be a contract: only the chain can ask that."""
    try:
        signer = signed.signer
    except RequestError as error:
        raise InvalidArgument(f"the signature of SignerConsent is none: {error}") from None
    if signer != signed.claimed:
        raise InvalidArgument(
            f"SignerConsent names {signed.claimed}, but {signer} signed it, or a byte of it was changed"
        )


async def _consent(approver: Approver, owner: str, node_key: Signer) -> SignedMessage:
    nonce = await approver.nonce(node_key.address, SignerConsent)
    message = SignerConsent(owner=owner, signer=node_key.address, nonce=nonce, deadline=approver.deadline)
    return await approver.approve(node_key, message)


def _register(contracts: Contracts, sender: str, owner: str, signer: str, data: bytes) -> NewIntent:
    ask = {"is": "registered", "owner": owner, "signer": signer}
    return intent(contracts, "register", f"{owner}:{signer}", sender, (REGISTRY, data), ask)


def _update(contracts: Contracts, sender: str, node: NodeRecord, details: Details, data: bytes) -> NewIntent:
    # The revision tells a wish for the same details from an earlier one, after they were changed in between.
    ask = _details_ask(node.node_id, details)
    wish = f"{node.node_id}:{node.revision}:{details.digest}"
    return intent(contracts, "update", wish, sender, (REGISTRY, data), ask)


def _rotate(contracts: Contracts, sender: str, node_id: int, signer: str, data: bytes) -> NewIntent:
    ask = {"is": "signer", "node_id": node_id, "signer": signer}
    return intent(contracts, "rotate", f"{node_id}:{signer}", sender, (REGISTRY, data), ask)


def _deregister(contracts: Contracts, sender: str, node_id: int, data: bytes) -> NewIntent:
    ask = {"is": "gone", "node_id": node_id}
    return intent(contracts, "deregister", str(node_id), sender, (REGISTRY, data), ask, money=True)


def _details_ask(node_id: int, details: Details) -> dict[str, object]:
    return {
        "is": "details",
        "node_id": node_id,
        "endpoint": details.endpoint,
        "region": details.region,
        "version": details.version,
        "caps_hash": details.caps_hash.hex(),
    }


def _details_of(message: Update) -> Details:
    region = message.region.rstrip(b"\0").decode("ascii", "replace")
    return Details(message.endpoint, region, message.version, message.caps_hash)
