// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {EpochReports} from "../src/EpochReports.sol";
import {DeployedTest} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title Votes, quorum, veto, cap, activation
contract EpochReportsTest is DeployedTest {
    uint64 private constant FIRST = uint64(START) / EPOCH; // the epoch of the deployment

    function setUp() public override {
        super.setUp();
        token.transfer(address(reports), 1_000_000 ether);
        vm.warp((FIRST + 1) * EPOCH);
    }

    function vote(uint256 reporter, uint64 epoch, bytes32 root, uint128 total) private {
        vm.prank(reporters[reporter]);
        reports.report(epoch, "usage", root, total, "file", "ipfs://file");
    }

    function agree(uint64 epoch, bytes32 root, uint128 total) private {
        vote(0, epoch, root, total);
        vote(1, epoch, root, total);
    }

    function reportStatus(uint64 epoch) private view returns (uint256) {
        return uint256(reports.reports(epoch).status);
    }

    function test_oneVoteIsNothingTwoAgreeAThirdChangesNothing() public {
        vote(0, FIRST, "root", 10 ether);
        vm.assertEq(reportStatus(FIRST), uint256(EpochReports.Status.None));
        vote(1, FIRST, "other", 11 ether);
        vm.assertEq(reportStatus(FIRST), uint256(EpochReports.Status.None));
        vote(2, FIRST, "root", 10 ether);
        EpochReports.Report memory agreed = reports.reports(FIRST);
        vm.assertEq(uint256(agreed.status), uint256(EpochReports.Status.Reported));
        vm.assertEq(agreed.rewardRoot, "root");
        vm.assertEq(agreed.usageRoot, "usage");
        vm.assertEq(agreed.cumulativeTotal, 10 ether);
        vm.assertEq(agreed.activatableAt, block.timestamp + 6 hours);
    }

    function test_lateVotesAreRefused() public {
        agree(FIRST, "root", 10 ether);
        vm.expectRevert(
            abi.encodeWithSelector(EpochReports.WrongStatus.selector, FIRST, EpochReports.Status.Reported)
        );
        vote(2, FIRST, "root", 10 ether);
    }

    function test_reportersVoteOnceForEpochsThatAreOver() public {
        vm.expectRevert(abi.encodeWithSelector(EpochReports.NotReporter.selector, relayer));
        vm.prank(relayer);
        reports.report(FIRST, "usage", "root", 0, "file", "");
        vm.expectRevert(abi.encodeWithSelector(EpochReports.EpochNotOver.selector, FIRST + 1));
        vote(0, FIRST + 1, "root", 0);
        vote(0, FIRST, "root", 0);
        vm.expectRevert(abi.encodeWithSelector(EpochReports.AlreadyVoted.selector, FIRST, reporters[0]));
        vote(0, FIRST, "other", 0);
        string memory tooLong = string(new bytes(257));
        vm.expectRevert(abi.encodeWithSelector(EpochReports.UriTooLong.selector, 257));
        vm.prank(reporters[1]);
        reports.report(FIRST, "usage", "root", 0, "file", tooLong);
    }

    function test_theEmissionCapHoldsAtTheVote() public {
        vm.assertEq(reports.mostFor(FIRST), EMISSION_CAP);
        vm.expectRevert(
            abi.encodeWithSelector(EpochReports.AboveEmissionCap.selector, EMISSION_CAP + 1, EMISSION_CAP)
        );
        vote(0, FIRST, "root", EMISSION_CAP + 1);
        vote(0, FIRST, "root", EMISSION_CAP);
    }

    function test_epochsThatWereLostLeaveTheirRoom() public {
        vm.warp((FIRST + 4) * EPOCH);
        vm.assertEq(reports.mostFor(FIRST + 3), 4 * EMISSION_CAP);
        agree(FIRST + 3, "root", 4 * EMISSION_CAP);
        vm.assertEq(reportStatus(FIRST + 3), uint256(EpochReports.Status.Reported));
    }

    function test_activatesAfterTheWindow() public {
        agree(FIRST, "root", 10 ether);
        uint256 due = block.timestamp + 6 hours;
        vm.expectRevert(abi.encodeWithSelector(EpochReports.TooEarly.selector, due));
        reports.activate(FIRST);
        vm.warp(due);
        vm.expectRevert(abi.encodeWithSelector(EpochReports.TooLate.selector, due));
        vm.prank(guardian);
        reports.veto(FIRST);
        vm.prank(relayer);
        reports.activate(FIRST);
        (uint64 epoch, uint96 total,) = reports.head();
        vm.assertEq(epoch, FIRST);
        vm.assertEq(total, 10 ether);
        vm.assertEq(reports.root(), "root");
        vm.assertEq(reports.mostFor(FIRST), 10 ether);
        vm.expectRevert(
            abi.encodeWithSelector(EpochReports.WrongStatus.selector, FIRST, EpochReports.Status.Active)
        );
        reports.activate(FIRST);
    }

    function test_theCapHoldsAtActivationToo() public {
        agree(FIRST, "one", 1 ether);
        vm.warp((FIRST + 2) * EPOCH);
        agree(FIRST + 1, "two", 2 * EMISSION_CAP);
        vm.warp((FIRST + 10) * EPOCH);
        reports.activate(FIRST);
        vm.expectRevert(
            abi.encodeWithSelector(
                EpochReports.AboveEmissionCap.selector, 2 * EMISSION_CAP, EMISSION_CAP + 1 ether
            )
        );
        reports.activate(FIRST + 1);
    }

    function test_totalsNeverFallAndEpochsNeverGoBack() public {
        agree(FIRST, "one", 5 ether);
        vm.warp((FIRST + 2) * EPOCH);
        agree(FIRST + 1, "two", 5 ether - 1);
        vm.warp((FIRST + 3) * EPOCH);
        agree(FIRST + 2, "three", 6 ether);
        vm.warp((FIRST + 12) * EPOCH);
        reports.activate(FIRST);
        vm.expectRevert(abi.encodeWithSelector(EpochReports.TotalFalls.selector, 5 ether - 1, 5 ether));
        reports.activate(FIRST + 1);
        reports.activate(FIRST + 2);
        vm.expectRevert(abi.encodeWithSelector(EpochReports.EpochNotNewer.selector, FIRST + 1, FIRST + 2));
        reports.activate(FIRST + 1);
        vm.expectRevert(abi.encodeWithSelector(EpochReports.EpochNotNewer.selector, FIRST + 2, FIRST + 2));
        vote(2, FIRST + 2, "three", 6 ether);
    }

    function test_guardiansVeto() public {
        agree(FIRST, "root", 10 ether);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, relayer));
        vm.prank(relayer);
        reports.veto(FIRST);
        vm.prank(guardian);
        reports.veto(FIRST);
        vm.warp(block.timestamp + 6 hours);
        bytes memory vetoed =
            abi.encodeWithSelector(EpochReports.WrongStatus.selector, FIRST, EpochReports.Status.Vetoed);
        vm.expectRevert(vetoed);
        reports.activate(FIRST);
        vm.expectRevert(vetoed);
        vm.prank(guardian);
        reports.veto(FIRST);
        vm.expectRevert(vetoed);
        vote(2, FIRST, "root", 10 ether);
    }

    function test_reportersAndRulesChangeThroughTheTimelock() public {
        throughTimelock(address(reports), abi.encodeCall(EpochReports.setReporter, (relayer, true)));
        vm.assertTrue(reports.isReporter(relayer));
        throughTimelock(address(reports), abi.encodeCall(EpochReports.setReporter, (reporters[0], false)));
        vm.assertFalse(reports.isReporter(reporters[0]));
        EpochReports.Parameters memory next = EpochReports.Parameters(5 ether, 1 hours, 3);
        throughTimelock(address(reports), abi.encodeCall(EpochReports.setParameters, (next)));
        vm.assertEq(reports.mostFor(FIRST), 5 ether);
        vm.startPrank(address(admin));
        bytes memory removal = abi.encodeCall(EpochReports.setReporter, (reporters[1], false));
        manager.schedule(address(reports), removal, 0);
        vm.warp(block.timestamp + TIMELOCK);
        vm.expectRevert(EpochReports.BadParameters.selector); // three must be left for a quorum of three
        manager.execute(address(reports), removal);
        vm.stopPrank();
    }

    function deploy(uint64 length, address[] memory chosen, EpochReports.Parameters memory parameters) private {
        createReports(length, chosen, parameters);
    }

    function test_senselessRulesAreRefused() public {
        EpochReports.Parameters memory good = EpochReports.Parameters(1 ether, 1 hours, 2);
        vm.expectRevert(EpochReports.BadParameters.selector);
        deploy(59, reporters, good);
        vm.expectRevert(EpochReports.BadParameters.selector);
        deploy(EPOCH, reporters, EpochReports.Parameters(1 ether, 1 hours, 0));
        vm.expectRevert(EpochReports.BadParameters.selector);
        deploy(EPOCH, reporters, EpochReports.Parameters(1 ether, 1 hours, 4));
        vm.expectRevert(EpochReports.BadParameters.selector);
        deploy(EPOCH, reporters, EpochReports.Parameters(1 ether, 31 days, 2));
        address[] memory twice = new address[](2);
        twice[0] = twice[1] = relayer;
        vm.expectRevert(abi.encodeWithSelector(EpochReports.NoChange.selector, relayer));
        deploy(EPOCH, twice, good);
    }
}
