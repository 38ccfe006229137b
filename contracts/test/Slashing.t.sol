// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {QosEvidence} from "../src/QosEvidence.sol";
import {Staking} from "../src/Staking.sol";
import {DeployedTest} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title Proof of contradiction, appeal, execution, jail
contract SlashingTest is DeployedTest {
    uint256 private constant OTHER_KEY = 0xB0B;

    uint256 private nodeId;

    function setUp() public override {
        super.setUp();
        nodeId = registerNode();
        bondNode(nodeId, 10_000 ether);
    }

    function reportOf(uint64 epoch, uint128 bytesRelayed) private view returns (QosEvidence.QosReport memory) {
        QosEvidence.QosReport memory report;
        report.nodeId = nodeId;
        report.epoch = epoch;
        report.start = uint64(START);
        report.end = uint64(START + 1 hours);
        report.bytesRelayed = bytesRelayed;
        return report;
    }

    function signReport(uint256 key, QosEvidence.QosReport memory report) private view returns (bytes memory) {
        return signDigest(key, staking.reportDigest(report));
    }

    function prove(uint64 epoch) private returns (uint256 slashId) {
        QosEvidence.QosReport memory a = reportOf(epoch, 1);
        QosEvidence.QosReport memory b = reportOf(epoch, 2);
        bytes memory signatureA = signReport(SIGNER_KEY, a);
        bytes memory signatureB = signReport(SIGNER_KEY, b);
        vm.prank(relayer);
        return staking.proveContradiction(a, signatureA, b, signatureB);
    }

    function propose(uint256 amount) private returns (uint256 slashId) {
        vm.prank(slasher);
        return staking.proposeSlash(nodeId, amount, "receipts");
    }

    function stake() private view returns (uint256 bonded, uint256 unbonding) {
        (bonded, unbonding,,) = staking.stakeOf(nodeId);
    }

    function test_twoReportsForOneEpochCostTheCapAfterTheWindow() public {
        uint256 slashId = prove(7);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, START + 3 days));
        staking.executeSlash(slashId);
        vm.warp(START + 3 days);
        vm.assertEq(staking.executeSlash(slashId), 500 ether);
        (uint256 bonded,) = stake();
        vm.assertEq(bonded, 9_500 ether);
        vm.assertEq(token.balanceOf(treasury), 500 ether);
        vm.expectRevert(
            abi.encodeWithSelector(Staking.WrongSlashState.selector, slashId, Staking.SlashState.Executed)
        );
        staking.executeSlash(slashId);
    }

    function test_oneEpochIsPunishedOnce() public {
        prove(7);
        vm.expectRevert(abi.encodeWithSelector(Staking.AlreadyPunished.selector, nodeId, 7));
        this.proveExternally(7);
    }

    function proveExternally(uint64 epoch) external {
        QosEvidence.QosReport memory a = reportOf(epoch, 3);
        QosEvidence.QosReport memory b = reportOf(epoch, 4);
        staking.proveContradiction(a, signReport(SIGNER_KEY, a), b, signReport(SIGNER_KEY, b));
    }

    function test_whatIsNoContradictionIsRefused() public {
        QosEvidence.QosReport memory a = reportOf(7, 1);
        QosEvidence.QosReport memory b = reportOf(8, 2);
        bytes memory signatureA = signReport(SIGNER_KEY, a);
        bytes memory signatureB = signReport(SIGNER_KEY, b);
        vm.expectRevert(QosEvidence.NoContradiction.selector);
        staking.proveContradiction(a, signatureA, b, signatureB);
        vm.expectRevert(QosEvidence.NoContradiction.selector);
        staking.proveContradiction(a, signatureA, a, signatureA);
        b.epoch = 7;
        b.nodeId = nodeId + 1;
        vm.expectRevert(QosEvidence.NoContradiction.selector);
        staking.proveContradiction(a, signatureA, b, signatureB);
    }

    function test_othersCannotSignForTheNode() public {
        QosEvidence.QosReport memory a = reportOf(7, 1);
        QosEvidence.QosReport memory b = reportOf(7, 2);
        bytes memory signatureA = signReport(SIGNER_KEY, a);
        bytes memory signatureB = signReport(OTHER_KEY, b);
        vm.expectRevert(
            abi.encodeWithSelector(QosEvidence.NotTheNodesReport.selector, nodeId, vm.addr(OTHER_KEY))
        );
        staking.proveContradiction(a, signatureA, b, signatureB);
    }

    function test_rotationIsNoEscape() public {
        vm.warp(START + 1 hours);
        rotateTo(OTHER_KEY);
        vm.assertEq(prove(7), 1);
    }

    function test_aKeyThatWasRotatedAwayCannotSignForLaterTimes() public {
        rotateTo(OTHER_KEY); // before the end of the reports
        vm.expectRevert(abi.encodeWithSelector(QosEvidence.NotTheNodesReport.selector, nodeId, signer));
        this.proveExternally(7);
    }

    function rotateTo(uint256 key) private {
        NodeRegistry.Approval memory agreed = consent(key, owner);
        vm.prank(owner);
        registry.rotate(nodeId, vm.addr(key), agreed);
    }

    function test_oldEvidenceIsVoid() public {
        vm.warp(START + 1 hours + 7 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Staking.EvidenceTooOld.selector, START + 1 hours));
        this.proveExternally(7);
    }

    function test_unbondingIsNoEscape() public {
        vm.startPrank(owner);
        staking.unbond(nodeId, 100 ether);
        staking.unbond(nodeId, 9_800 ether);
        vm.stopPrank();
        vm.warp(START + 6 days);
        uint256 slashId = prove(7);
        vm.warp(START + 14 days);
        vm.expectRevert(abi.encodeWithSelector(Staking.SlashPending.selector, nodeId));
        staking.withdraw(nodeId);
        vm.assertEq(staking.withdrawable(nodeId), 0);
        staking.executeSlash(slashId);
        (uint256 bonded, uint256 unbonding) = stake();
        vm.assertEq(bonded, 0);
        vm.assertEq(unbonding, 9_500 ether);
        vm.assertEq(staking.withdraw(nodeId), 9_500 ether);
        vm.assertEq(token.balanceOf(owner), 9_500 ether);
        vm.assertEq(token.balanceOf(treasury), 500 ether);
    }

    function test_aSlashMayEmptyEntries() public {
        Staking.Parameters memory harsh = stakingParameters();
        harsh.offenceCapBps = 10_000;
        harsh.periodCapBps = 10_000;
        throughTimelock(address(staking), abi.encodeCall(Staking.setParameters, (harsh)));
        vm.startPrank(owner);
        staking.unbond(nodeId, 4_000 ether);
        staking.unbond(nodeId, 6_000 ether);
        vm.stopPrank();
        uint256 slashId = propose(7_000 ether);
        vm.warp(block.timestamp + 3 days);
        staking.executeSlash(slashId);
        (,,, Staking.Unbonding[] memory entries) = staking.stakeOf(nodeId);
        vm.assertEq(entries.length, 1);
        vm.assertEq(entries[0].amount, 3_000 ether);
        slashId = propose(3_000 ether);
        vm.warp(block.timestamp + 3 days);
        staking.executeSlash(slashId);
        (,,, entries) = staking.stakeOf(nodeId);
        vm.assertEq(entries.length, 0);
        vm.assertEq(token.balanceOf(address(staking)), 0);
    }

    function test_slashersPropose() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, relayer));
        vm.prank(relayer);
        staking.proposeSlash(nodeId, 1, "receipts");
        vm.expectRevert(abi.encodeWithSelector(Staking.AboveCap.selector, nodeId, 500 ether));
        vm.prank(slasher);
        staking.proposeSlash(nodeId, 500 ether + 1, "receipts");
        vm.expectRevert(Staking.ZeroAmount.selector);
        vm.prank(slasher);
        staking.proposeSlash(nodeId, 0, "receipts");
    }

    function test_oneDayTakesItsCapAtMost() public {
        propose(500 ether);
        propose(400 ether);
        vm.assertEq(staking.slashable(nodeId), 100 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.AboveCap.selector, nodeId, 100 ether));
        vm.prank(slasher);
        staking.proposeSlash(nodeId, 101 ether, "receipts");
        vm.warp(START + 1 days);
        vm.assertEq(staking.slashable(nodeId), 500 ether);
    }

    function test_theOwnerAppealsOnceAndGuardiansCancel() public {
        uint256 slashId = propose(500 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotOwner.selector, nodeId, signer));
        vm.prank(signer);
        staking.appeal(slashId, "not me");
        vm.prank(owner);
        staking.appeal(slashId, "not me");
        vm.warp(START + 3 days);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, START + 6 days));
        staking.executeSlash(slashId);
        bytes memory appealed =
            abi.encodeWithSelector(Staking.WrongSlashState.selector, slashId, Staking.SlashState.Appealed);
        vm.expectRevert(appealed);
        vm.prank(owner);
        staking.appeal(slashId, "not me");
        vm.prank(guardian);
        staking.cancelSlash(slashId);
        (uint256 bonded,) = stake();
        vm.assertEq(bonded, 10_000 ether);
        vm.expectRevert(
            abi.encodeWithSelector(Staking.WrongSlashState.selector, slashId, Staking.SlashState.Cancelled)
        );
        staking.executeSlash(slashId);
    }

    function test_cancellingGivesTheDaysBudgetBack() public {
        uint256 slashId = propose(500 ether);
        propose(500 ether);
        vm.assertEq(staking.slashable(nodeId), 0);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, slasher));
        vm.prank(slasher);
        staking.cancelSlash(slashId);
        vm.prank(guardian);
        staking.cancelSlash(slashId);
        vm.assertEq(staking.slashable(nodeId), 500 ether);
    }

    function test_jailHasAWayOut() public {
        uint256 slashId = propose(1 ether);
        vm.assertTrue(staking.listed(nodeId));
        vm.warp(START + 3 days);
        staking.executeSlash(slashId);
        vm.assertFalse(staking.listed(nodeId));
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, START + 5 days));
        vm.prank(signer);
        staking.unjail(nodeId);
        vm.warp(START + 5 days);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotNode.selector, nodeId, relayer));
        vm.prank(relayer);
        staking.unjail(nodeId);
        vm.prank(signer);
        staking.unjail(nodeId);
        vm.assertTrue(staking.listed(nodeId));
        vm.expectRevert(abi.encodeWithSelector(Staking.NotJailed.selector, nodeId));
        vm.prank(owner);
        staking.unjail(nodeId);
    }
}
