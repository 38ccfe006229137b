// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title An owner that is a contract (ERC-1271): one key signs for it until it revokes; for tests
contract OwnerContract is IERC1271 {
    address public immutable key;
    bool public revoked;

    error NotKey(address caller);

    event Revoked();

    constructor(address key_) {
        key = key_;
    }

    /// @notice From now on no signature is good.
    function revoke() external {
        if (msg.sender != key) revert NotKey(msg.sender);
        revoked = true;
        emit Revoked();
    }

    /// @notice Calls another contract as the owner.
    function execute(address target, bytes calldata data) external returns (bytes memory result) {
        if (msg.sender != key) revert NotKey(msg.sender);
        bool success;
        (success, result) = target.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        bool good = !revoked && problem == ECDSA.RecoverError.NoError && recovered == key;
        return good ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
