// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {INodeRegistry} from "./INodeRegistry.sol";

/// @title Proof that a node signed two different reports for one epoch
/// @notice The EIP-712 domain of reports is `MediaQos` of the contract that inherits this one.
abstract contract QosEvidence is EIP712 {
    struct QosReport {
        uint256 nodeId;
        uint64 epoch;
        uint64 seq;
        uint64 start;
        uint64 end;
        uint128 bytesRelayed;
        uint64 participantMs;
        uint32 sessions;
        uint32 lossPpm;
        uint32 rttP95Us;
        bytes32 sessionsRoot;
        bytes32 prevDigest;
    }

    bytes32 public constant QOS_REPORT_TYPEHASH = keccak256(
        "QosReport(uint256 nodeId,uint64 epoch,uint64 seq,uint64 start,uint64 end,uint128 bytesRelayed,"
        "uint64 participantMs,uint32 sessions,uint32 lossPpm,uint32 rttP95Us,bytes32 sessionsRoot,"
        "bytes32 prevDigest)"
    );

    INodeRegistry public immutable registry;

    error NoContradiction();
    error NotTheNodesReport(uint256 nodeId, address signer);

    constructor(INodeRegistry registry_) EIP712("MediaQos", "1") {
        registry = registry_;
    }

    /// @notice The digest that a node signs.
    function reportDigest(QosReport calldata report) public view returns (bytes32) {
        // All fields are of one word, so the struct's ABI encoding is its EIP-712 encoding.
        return _hashTypedDataV4(keccak256(abi.encode(QOS_REPORT_TYPEHASH, report)));
    }

    /// Passes when both are reports of one node for one epoch, differ, and were signed by its keys of that time.
    function _checkContradiction(
        QosReport calldata a,
        bytes calldata signatureA,
        QosReport calldata b,
        bytes calldata signatureB
    ) internal view {
        bytes32 digestA = reportDigest(a);
        bytes32 digestB = reportDigest(b);
        if (a.nodeId != b.nodeId || a.epoch != b.epoch || digestA == digestB) revert NoContradiction();
        _checkSigner(a, digestA, signatureA);
        _checkSigner(b, digestB, signatureB);
    }

    function _checkSigner(QosReport calldata report, bytes32 digest, bytes calldata signature) private view {
        address signer = ECDSA.recoverCalldata(digest, signature);
        if (!registry.spokeFor(signer, report.nodeId, report.end)) revert NotTheNodesReport(report.nodeId, signer);
    }

    /// @notice The EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}
