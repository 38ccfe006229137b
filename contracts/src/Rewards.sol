// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title The reward pool: cumulative Merkle claims
/// @notice A leaf is what a node has earned since the beginning, so one claim pays everything due and a second one
/// pays nothing. The pool is filled by plain transfers; the contract that inherits this one decides which epoch counts.
abstract contract Rewards is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// What counts now, in one word.
    struct Head {
        uint64 epoch; // the newest active one
        uint96 cumulativeTotal; // most that all claims together may have paid
        uint96 claimedTotal;
    }

    IERC20 public immutable token;

    Head public head;
    mapping(uint256 nodeId => uint256) public claimed;

    event Claimed(uint256 indexed nodeId, address indexed payee, uint256 amount, uint256 cumulative);

    error ZeroAddress();
    error PoolTooSmall(uint256 needed, uint256 held);
    error BadProof(uint256 nodeId);
    error NothingToClaim(uint256 nodeId);
    error AboveTotal(uint256 total);

    constructor(IERC20 token_) {
        if (address(token_) == address(0)) revert ZeroAddress();
        token = token_;
    }

    /// @notice Pays a node's payee what is due; anybody may send it.
    function claim(uint256 nodeId, address payee, uint256 cumulative, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(nodeId, payee, cumulative))));
        if (!MerkleProof.verifyCalldata(proof, root(), leaf)) revert BadProof(nodeId);
        uint256 before = claimed[nodeId];
        if (cumulative <= before) revert NothingToClaim(nodeId);
        amount = cumulative - before;
        uint256 paid = head.claimedTotal + amount;
        if (paid > head.cumulativeTotal) revert AboveTotal(head.cumulativeTotal);
        head.claimedTotal = uint96(paid);
        claimed[nodeId] = cumulative;
        emit Claimed(nodeId, payee, amount, cumulative);
        token.safeTransfer(payee, amount);
    }

    /// @notice Root of the leaves keccak256(keccak256(abi.encode(nodeId, payee, cumulative))) that count, pairs sorted.
    function root() public view returns (bytes32) {
        return _rewardRoot(head.epoch);
    }

    /// What is promised must be held. Held + claimed never falls, so what could be paid once can be paid later.
    function _checkPool(uint256 total) internal view {
        uint256 needed = total - head.claimedTotal;
        uint256 held = token.balanceOf(address(this));
        if (held < needed) revert PoolTooSmall(needed, held);
    }

    function _rewardRoot(uint64 epoch) internal view virtual returns (bytes32);
}
