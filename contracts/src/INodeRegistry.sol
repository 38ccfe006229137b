// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the other contracts ask of the registry
interface INodeRegistry {
    enum Status {
        None,
        Active,
        Suspended,
        Gone
    }

    struct Keys {
        address owner;
        address signer;
        Status status;
    }

    struct Node {
        address owner;
        Status status;
        uint32 revision; // of the details; 1 at registration
        uint32 reputationEpoch; // rises with each change of owner
        address signer;
        bytes8 region;
        uint32 version;
        address payee;
        bytes32 capsHash; // of the capability document, which the signer signs and the node serves
        string endpoint;
    }

    /// @notice The keys and the status; zero for an unknown id, the last signer for a node that is gone.
    function keysOf(uint256 nodeId) external view returns (Keys memory);

    /// @notice Whether a signer spoke for a node at a time (seconds since 1970).
    function spokeFor(address signer, uint256 nodeId, uint64 time) external view returns (bool);
}
