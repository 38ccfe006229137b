// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {EpochReports} from "../src/EpochReports.sol";
import {MediaToken} from "../src/MediaToken.sol";
import {Rewards} from "../src/Rewards.sol";
import {vm} from "./Vm.sol";

uint128 constant CAP = 2 ** 70; // a power of two: what is multiplied by it is shifted, which solvers can do

/// @title Reports and a pool in any state
contract AnyReports is EpochReports {
    constructor(address authority, MediaToken token, address[] memory reporters)
        EpochReports(authority, token, 1 hours, reporters, Parameters(CAP, 6 hours, 1))
    {}

    function place(Head calldata state, uint256 nodeId, uint256 paid) external {
        head = state;
        claimed[nodeId] = paid;
    }
}

/// @title What holds for every state and every argument; Halmos proves it
contract RewardsChecks {
    uint64 private constant ACTIVE = 500_000;
    uint256 private constant LATER = 2 ** 33 * 1 hours; // all epochs of the checks are over
    bytes32 private constant FILE = "file";

    MediaToken private token;
    AnyReports private reports;

    function setUp() public {
        vm.warp(ACTIVE * 1 hours + 1 hours);
        address[] memory reporters = new address[](1);
        reporters[0] = address(this);
        token = new MediaToken(address(this), type(uint128).max);
        reports = new AnyReports(address(new AccessManager(address(this))), token, reporters);
    }

    /// A state that keeps the rules: no more paid than promised, no more owed than held.
    function begin(Rewards.Head memory state, uint256 nodeId, uint256 paid, uint128 pool) private {
        vm.assume(state.claimedTotal <= state.cumulativeTotal && paid <= state.claimedTotal);
        vm.assume(pool >= state.cumulativeTotal - state.claimedTotal);
        reports.place(state, nodeId, paid);
        token.transfer(address(reports), pool);
    }

    function held() private view returns (uint256) {
        return token.balanceOf(address(reports));
    }

    function agree(uint64 epoch, bytes32 root, uint128 total) private {
        vm.warp(LATER);
        reports.report(epoch, "usage", root, total, FILE, "");
    }

    /// A claim pays the difference to what was paid, at most what the total leaves, and never again.
    function check_claimsPayWhatIsDueOnce(
        uint96 total,
        uint96 claimedTotal,
        uint256 paid,
        uint128 pool,
        uint256 nodeId,
        address payee,
        uint256 cumulative
    ) external {
        vm.assume(payee != address(0) && payee != address(reports) && payee != address(this));
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(nodeId, payee, cumulative))));
        begin(Rewards.Head(ACTIVE, 0, 0), nodeId, 0, 0);
        agree(ACTIVE + 1, leaf, 0);
        begin(Rewards.Head(ACTIVE + 1, total, claimedTotal), nodeId, paid, pool);

        bytes32[] memory proof = new bytes32[](0);
        uint256 amount = reports.claim(nodeId, payee, cumulative, proof);

        (, uint96 totalThen, uint96 claimedThen) = reports.head();
        assert(amount > 0 && amount == cumulative - paid);
        assert(reports.claimed(nodeId) == cumulative);
        assert(totalThen == total && claimedThen <= total);
        assert(claimedThen == claimedTotal + amount && held() == pool - amount); // so what could be paid still can
        assert(token.balanceOf(payee) == amount);
        try reports.claim(nodeId, payee, cumulative, proof) {
            assert(false);
        } catch {}
    }

    /// A leaf that is not in the tree is not paid.
    function check_otherLeavesAreRefused(
        bytes32 root,
        uint96 total,
        uint256 nodeId,
        address payee,
        uint256 cumulative,
        bytes32 sibling
    ) external {
        begin(Rewards.Head(ACTIVE, 0, 0), nodeId, 0, 0);
        agree(ACTIVE + 1, root, 0);
        begin(Rewards.Head(ACTIVE + 1, total, 0), nodeId, 0, total);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(nodeId, payee, cumulative))));
        bytes32 above = leaf < sibling
            ? keccak256(abi.encode(leaf, sibling))
            : keccak256(abi.encode(sibling, leaf));
        vm.assume(above != root);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = sibling;
        try reports.claim(nodeId, payee, cumulative, proof) {
            assert(false);
        } catch {}
    }

    /// Whatever the reporters agree on: the total never falls, rises by the cap per epoch at most, and is held.
    function check_totalsKeepToTheCapAndThePool(
        uint96 before,
        uint96 claimedTotal,
        uint128 pool,
        uint32 later,
        uint128 total
    ) external {
        vm.assume(before <= type(uint96).max / 2);
        begin(Rewards.Head(ACTIVE, before, claimedTotal), 1, 0, pool);
        uint64 epoch = ACTIVE + later;
        agree(epoch, "root", total);
        vm.warp(LATER + 6 hours);
        reports.activate(epoch);

        (uint64 active, uint96 now_, uint96 claimedThen) = reports.head();
        assert(active == epoch && epoch > ACTIVE);
        assert(now_ == total && now_ >= before);
        assert(now_ - before <= uint256(later) * CAP);
        assert(claimedThen == claimedTotal && held() >= now_ - claimedThen);
    }
}
