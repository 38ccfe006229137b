// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochReports} from "../src/EpochReports.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {DeployedTest} from "./Deployment.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {vm} from "./Vm.sol";

/// @title Gas of each action as one transaction; `gas.mjs` compares it with gas.json
contract GasTest is DeployedTest {
    uint64 private constant FIRST = uint64(START) / EPOCH;
    uint256 private constant NODES = 1_000;

    function record(string memory name) private {
        vm.snapshotGasLastCall("gas", name);
    }

    function test_registry() public {
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.prank(owner);
        uint256 nodeId = registry.register(registrationOf(signer), agreed);
        record("register");
        vm.prank(signer);
        registry.update(nodeId, NodeRegistry.Details("eu-west", 2, keccak256("caps 2"), "https://node-2.example.org"));
        record("update endpoint and caps");
        vm.prank(signer);
        registry.update(nodeId, NodeRegistry.Details("eu-west", 2, keccak256("caps 3"), "https://node-2.example.org"));
        record("update caps");
        NodeRegistry.Approval memory next = consent(0xB0B, owner);
        vm.prank(owner);
        registry.rotate(nodeId, vm.addr(0xB0B), next);
        record("rotate");
        vm.prank(owner);
        registry.deregister(nodeId);
        record("deregister");
    }

    function test_registerFor() public {
        bytes32 structHash = registerHash(owner, registrationOf(signer), 0, START + 1 hours);
        NodeRegistry.Approval memory approval = approve(OWNER_KEY, structHash, 0, START + 1 hours);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.prank(relayer);
        registry.registerFor(owner, registrationOf(signer), approval, agreed);
        record("registerFor");
    }

    function test_staking() public {
        uint256 nodeId = registerNode();
        token.transfer(owner, 30_000 ether);
        vm.startPrank(owner);
        token.approve(address(staking), 20_000 ether);
        staking.bond(nodeId, 10_000 ether);
        record("bond first");
        staking.bond(nodeId, 5_000 ether);
        record("bond again");
        staking.unbond(nodeId, 1_000 ether);
        record("unbond");
        vm.warp(START + 14 days);
        staking.withdraw(nodeId);
        record("withdraw");
        vm.stopPrank();
        vm.prank(slasher);
        uint256 slashId = staking.proposeSlash(nodeId, 100 ether, "receipts");
        record("proposeSlash");
        vm.warp(START + 17 days);
        vm.prank(relayer);
        staking.executeSlash(slashId);
        record("executeSlash");
    }

    function test_bondWithPermit() public {
        uint256 nodeId = registerNode();
        token.transfer(owner, 10_000 ether);
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, owner, address(staking), 9 ether, 0, START + 1 hours));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(OWNER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
        vm.prank(owner);
        staking.bondWithPermit(nodeId, 9 ether, START + 1 hours, v, r, s);
        record("bondWithPermit");
    }

    function leaves(uint256 scale) private view returns (bytes32[] memory all) {
        all = new bytes32[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            all[i] = MerkleTree.leaf(i + 1, payee, (i + 1) * scale);
        }
    }

    function vote(uint256 reporter, uint64 epoch, bytes32 root, uint128 total) private {
        vm.prank(reporters[reporter]);
        reports.report(epoch, keccak256("usage"), root, total, keccak256("file"), "https://r.example.org/1.json");
    }

    function settle(uint64 epoch, uint256 scale) private returns (bytes32[] memory all) {
        all = leaves(scale);
        bytes32 root = MerkleTree.root(all);
        vm.warp((epoch + 1) * EPOCH);
        vote(0, epoch, root, uint128(600_000 * scale));
        record("report first vote");
        vote(1, epoch, root, uint128(600_000 * scale));
        record("report quorum vote");
        vm.warp(block.timestamp + 6 hours);
        reports.activate(epoch);
        record("activate");
    }

    function test_rewards() public {
        token.transfer(address(reports), 1_000_000 ether);
        token.transfer(payee, 1);
        bytes32[] memory all = settle(FIRST, 1e9);
        reports.claim(500, payee, 500e9, MerkleTree.proof(all, 499));
        record("claim first");
        all = settle(FIRST + 10, 2e9); // the later figures of an epoch stay in the record
        reports.claim(500, payee, 1_000e9, MerkleTree.proof(all, 499));
        record("claim later");
    }

    function test_deployments() public {
        vm.startSnapshotGas("gas", "deploy AccessManager");
        create("AccessManager", abi.encode(admin));
        vm.stopSnapshotGas();
        vm.startSnapshotGas("gas", "deploy NodeRegistry");
        createRegistry(NodeRegistry.Parameters(1 days, 14 days));
        vm.stopSnapshotGas();
        vm.startSnapshotGas("gas", "deploy Staking");
        createStaking(registry, token, treasury, stakingParameters());
        vm.stopSnapshotGas();
        vm.startSnapshotGas("gas", "deploy EpochReports");
        createReports(EPOCH, reporters, EpochReports.Parameters(EMISSION_CAP, 6 hours, 2));
        vm.stopSnapshotGas();
    }
}
