// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title The reward pool: cumulative Merkle claims
/// @notice A leaf is what a node has earned since the beginning, so one claim pays everything due and a second one
/// pays nothing. The pool is filled by plain transfers; its reports contract alone sets roots.
contract Rewards is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    address public immutable reports;

    /// Root of the leaves keccak256(keccak256(abi.encode(nodeId, payee, cumulative))), pairs sorted.
    bytes32 public root;
    /// Most that all claims together may have paid.
    uint128 public cumulativeTotal;
    uint128 public claimedTotal;
    mapping(uint256 nodeId => uint256) public claimed;

    event RootSet(bytes32 root, uint256 cumulativeTotal);
    event Claimed(uint256 indexed nodeId, address indexed payee, uint256 amount, uint256 cumulative);

    error ZeroAddress();
    error NotReports(address caller);
    error TotalFalls(uint256 total, uint256 present);
    error PoolTooSmall(uint256 needed, uint256 held);
    error BadProof(uint256 nodeId);
    error NothingToClaim(uint256 nodeId);
    error AboveTotal(uint256 total);

    constructor(IERC20 token_) {
        if (address(token_) == address(0)) revert ZeroAddress();
        token = token_;
        reports = msg.sender;
    }

    /// @notice Sets the root that counts; the pool must hold what it can still pay.
    function setRoot(bytes32 root_, uint128 total) external {
        if (msg.sender != reports) revert NotReports(msg.sender);
        if (total < cumulativeTotal) revert TotalFalls(total, cumulativeTotal);
        uint256 held = token.balanceOf(address(this));
        if (held < total - claimedTotal) revert PoolTooSmall(total - claimedTotal, held);
        root = root_;
        cumulativeTotal = total;
        emit RootSet(root_, total);
    }

    /// @notice Pays a node's payee what is due; anybody may send it.
    function claim(uint256 nodeId, address payee, uint256 cumulative, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(nodeId, payee, cumulative))));
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert BadProof(nodeId);
        uint256 before = claimed[nodeId];
        if (cumulative <= before) revert NothingToClaim(nodeId);
        amount = cumulative - before;
        if (amount > cumulativeTotal - claimedTotal) revert AboveTotal(cumulativeTotal);
        claimed[nodeId] = cumulative;
        claimedTotal += uint128(amount);
        emit Claimed(nodeId, payee, amount, cumulative);
        token.safeTransfer(payee, amount);
    }
}
