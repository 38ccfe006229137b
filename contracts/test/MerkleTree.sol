// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The reward tree as Rewards reads it: double-hashed leaves, sorted pairs, a lone node rises as it is
library MerkleTree {
    function leaf(uint256 nodeId, address payee, uint256 cumulative) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(nodeId, payee, cumulative))));
    }

    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        while (leaves.length > 1) leaves = level(leaves);
        return leaves[0];
    }

    function proof(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory path) {
        path = new bytes32[](0);
        while (leaves.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < leaves.length) path = append(path, leaves[sibling]);
            leaves = level(leaves);
            index /= 2;
        }
    }

    function level(bytes32[] memory below) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((below.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            bytes32 left = below[2 * i];
            bytes32 right = 2 * i + 1 < below.length ? below[2 * i + 1] : bytes32(0);
            if (right == 0) above[i] = left;
            else above[i] = left < right ? keccak256(bytes.concat(left, right)) : keccak256(bytes.concat(right, left));
        }
    }

    function append(bytes32[] memory list, bytes32 item) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}
