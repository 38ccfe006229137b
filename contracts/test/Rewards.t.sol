// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochReports} from "../src/EpochReports.sol";
import {Rewards} from "../src/Rewards.sol";
import {DeployedTest} from "./Deployment.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {vm} from "./Vm.sol";

/// @title Cumulative claims
contract RewardsTest is DeployedTest {
    uint256 private constant NODES = 5;

    uint64 private epoch = uint64(START) / EPOCH;
    address[] private payees = [address(0xA1), address(0xA2), address(0xA3), address(0xA4), address(0xA5)];

    function setUp() public override {
        super.setUp();
        token.transfer(address(reports), 10_000 ether);
    }

    function leaves(uint256 scale) private view returns (bytes32[] memory all) {
        all = new bytes32[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            all[i] = MerkleTree.leaf(i + 1, payees[i], (i + 1) * scale);
        }
    }

    function activate(bytes32 root, uint256 total) private {
        vm.warp((epoch + 1) * EPOCH);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(reporters[i]);
            reports.report(epoch, "usage", root, uint128(total), "file", "");
        }
        vm.warp(block.timestamp + 6 hours);
        reports.activate(epoch);
        epoch = uint64(block.timestamp / EPOCH);
    }

    function pay(uint256 scale) private {
        activate(MerkleTree.root(leaves(scale)), 15 * scale);
    }

    function claim(uint256 node, uint256 scale) private returns (uint256) {
        bytes32[] memory proof = MerkleTree.proof(leaves(scale), node - 1);
        return reports.claim(node, payees[node - 1], node * scale, proof);
    }

    function test_paysThePayeeWhoeverSends() public {
        pay(1 ether);
        vm.prank(relayer);
        vm.assertEq(claim(5, 1 ether), 5 ether);
        vm.assertEq(token.balanceOf(payees[4]), 5 ether);
        vm.assertEq(reports.claimed(5), 5 ether);
        (,, uint96 claimedTotal) = reports.head();
        vm.assertEq(claimedTotal, 5 ether);
    }

    function test_aSecondClaimPaysNothing() public {
        pay(1 ether);
        claim(2, 1 ether);
        bytes32[] memory proof = MerkleTree.proof(leaves(1 ether), 1);
        vm.expectRevert(abi.encodeWithSelector(Rewards.NothingToClaim.selector, 2));
        reports.claim(2, payees[1], 2 ether, proof);
    }

    function test_oneClaimPaysAllEpochsThatWereSkipped() public {
        pay(1 ether);
        claim(3, 1 ether);
        pay(2 ether);
        pay(4 ether);
        pay(9 ether);
        vm.assertEq(claim(3, 9 ether), 24 ether);
        vm.assertEq(token.balanceOf(payees[2]), 27 ether);
        vm.assertEq(claim(4, 9 ether), 36 ether);
    }

    function test_foreignWrongAndOldProofsAreRefused() public {
        pay(1 ether);
        bytes32[] memory proof = MerkleTree.proof(leaves(1 ether), 0);
        vm.expectRevert(abi.encodeWithSelector(Rewards.BadProof.selector, 2));
        reports.claim(2, payees[1], 2 ether, proof);
        vm.expectRevert(abi.encodeWithSelector(Rewards.BadProof.selector, 1));
        reports.claim(1, payees[0], 1 ether + 1, proof);
        vm.expectRevert(abi.encodeWithSelector(Rewards.BadProof.selector, 1));
        reports.claim(1, relayer, 1 ether, proof);
        pay(2 ether);
        vm.expectRevert(abi.encodeWithSelector(Rewards.BadProof.selector, 1));
        reports.claim(1, payees[0], 1 ether, proof);
    }

    function test_leavesCannotPayMoreThanTheTotal() public {
        activate(MerkleTree.root(leaves(1 ether)), 6 ether); // the leaves say 15
        claim(5, 1 ether);
        bytes32[] memory proof = MerkleTree.proof(leaves(1 ether), 1);
        vm.expectRevert(abi.encodeWithSelector(Rewards.AboveTotal.selector, 6 ether));
        reports.claim(2, payees[1], 2 ether, proof);
        vm.assertEq(claim(1, 1 ether), 1 ether);
    }

    function test_whatThePoolCannotPayIsNotAgreed() public {
        epoch += 20; // room for 21 epochs
        bytes32 root = MerkleTree.root(leaves(700 ether));
        vm.warp((epoch + 1) * EPOCH);
        vm.prank(reporters[0]);
        reports.report(epoch, "usage", root, 10_500 ether, "file", "");
        vm.expectRevert(abi.encodeWithSelector(Rewards.PoolTooSmall.selector, 10_500 ether, 10_000 ether));
        vm.prank(reporters[1]);
        reports.report(epoch, "usage", root, 10_500 ether, "file", "");
        token.transfer(address(reports), 500 ether);
        vm.prank(reporters[1]);
        reports.report(epoch, "usage", root, 10_500 ether, "file", "");
        vm.warp(block.timestamp + 6 hours);
        reports.activate(epoch);
        for (uint256 node = 1; node <= NODES; ++node) {
            claim(node, 700 ether);
        }
        vm.assertEq(token.balanceOf(address(reports)), 0);
    }

    function test_whatWasPaidCountsForThePool() public {
        epoch += 20; // room for 21 epochs
        pay(600 ether);
        claim(5, 600 ether);
        claim(4, 600 ether);
        pay(666 ether); // 9,990 of the 10,000 that were there
        vm.assertEq(claim(5, 666 ether), 330 ether);
    }

    function test_aPoolOfNoTokenIsRefused() public {
        EpochReports.Parameters memory rules = EpochReports.Parameters(EMISSION_CAP, 6 hours, 2);
        vm.expectRevert(Rewards.ZeroAddress.selector);
        create("EpochReports", abi.encode(manager, address(0), EPOCH, reporters, rules));
    }

    function test_treesOfAnySizePayEachLeaf(uint8 size, uint256 seed) public {
        uint256 count = uint256(size) % 40 + 1;
        bytes32[] memory all = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = MerkleTree.leaf(i + 1, payees[i % NODES], 1 + seed % 1 ether);
        }
        activate(MerkleTree.root(all), count * (1 + seed % 1 ether));
        for (uint256 i = 0; i < count; ++i) {
            reports.claim(i + 1, payees[i % NODES], 1 + seed % 1 ether, MerkleTree.proof(all, i));
        }
        (, uint96 total, uint96 claimedTotal) = reports.head();
        vm.assertEq(claimedTotal, total);
    }
}
