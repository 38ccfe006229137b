"""What tests of several folders share for a whole run."""

from collections.abc import Iterator

import pytest

from medianode.wallet.keys.choice import InToken
from tests.support.hsm import make_token


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InToken]:
    """A token; the library of a process reads its configuration only once, so there is one of them."""
    with pytest.MonkeyPatch.context() as patch:
        yield make_token(tmp_path_factory.mktemp("hsm"), patch)
