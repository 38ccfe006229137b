// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochReports} from "../src/EpochReports.sol";
import {Rewards} from "../src/Rewards.sol";
import {Deployment} from "./Deployment.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {vm} from "./Vm.sol";

/// @title A corrupt quorum that writes any leaves it likes, nodes that claim, a pool that runs dry
contract RewardsActors is Deployment {
    uint256 public constant NODES = 4;
    uint64 public immutable firstEpoch = uint64(START) / EPOCH;

    mapping(uint256 nodeId => uint256) public paid;

    struct Plan {
        uint256[NODES] cumulative;
        bytes32 root;
    }

    uint64[] private _agreed;
    mapping(uint64 epoch => Plan) private _plans;
    mapping(bytes32 root => uint64) private _epochOf;
    uint256 private _time = START;

    modifier atItsTime() {
        vm.warp(_time);
        _;
    }

    constructor() {
        deployAll();
    }

    function theReports() external view returns (EpochReports) {
        return reports;
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(reports));
    }

    function most() external view returns (uint256) {
        (uint64 epoch,,) = reports.head();
        return uint256(epoch + 1 - firstEpoch) * EMISSION_CAP;
    }

    function wait(uint256 seconds_) external {
        _time += seconds_ % 8 hours;
        vm.warp(_time);
    }

    function fund(uint256 amount) external atItsTime {
        token.transfer(address(reports), amount % 5_000 ether);
    }

    /// The last finished epoch, with a total inside the cap and leaves that need not keep to it.
    function agree(uint256 totalSeed, uint256[NODES] calldata shares) external atItsTime {
        uint64 epoch = uint64(_time / EPOCH) - 1;
        (uint64 active, uint96 low, uint96 claimedTotal) = reports.head();
        if (epoch <= active || reports.voteOf(epoch, reporters[0]) != 0) return;
        uint128 total = uint128(low) + uint128(totalSeed % (reports.mostFor(epoch) - low + 1));
        Plan storage plan = _plans[epoch];
        for (uint256 i = 0; i < NODES; ++i) {
            plan.cumulative[i] = shares[i] % (uint256(total) + 1);
        }
        plan.root = MerkleTree.root(leaves(plan));
        _epochOf[plan.root] = epoch;
        bool covered = token.balanceOf(address(reports)) >= total - claimedTotal;
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(reporters[i]);
            try reports.report(epoch, "usage", plan.root, total, "file", "") {
                vm.assertTrue(i == 0 || covered, "what the pool cannot pay is agreed");
            } catch (bytes memory reason) {
                vm.assertTrue(i == 1 && !covered && bytes4(reason) == Rewards.PoolTooSmall.selector);
                return;
            }
        }
        _agreed.push(epoch);
    }

    function veto(uint256 seed) external atItsTime {
        if (_agreed.length == 0 || seed % 4 != 0) return;
        uint64 epoch = _agreed[seed % _agreed.length];
        vm.prank(guardian);
        try reports.veto(epoch) {} catch {}
    }

    function activate(uint256 seed) external atItsTime {
        if (_agreed.length == 0) return;
        try reports.activate(_agreed[seed % _agreed.length]) {} catch {}
    }

    function claim(uint256 seed) external atItsTime {
        uint64 epoch = _epochOf[reports.root()];
        if (epoch == 0) return;
        Plan storage plan = _plans[epoch];
        uint256 index = seed % NODES;
        uint256 before = token.balanceOf(payee);
        bytes32[] memory proof = MerkleTree.proof(leaves(plan), index);
        try reports.claim(index + 1, payee, plan.cumulative[index], proof) returns (uint256 amount) {
            vm.assertEq(token.balanceOf(payee) - before, amount);
            paid[index + 1] += amount;
        } catch (bytes memory reason) {
            // With the pool checked at agreement a claim fails for these two reasons only.
            bytes4 selector = bytes4(reason);
            vm.assertTrue(selector == Rewards.NothingToClaim.selector || selector == Rewards.AboveTotal.selector);
        }
    }

    function leaves(Plan storage plan) private view returns (bytes32[] memory all) {
        all = new bytes32[](NODES);
        for (uint256 i = 0; i < NODES; ++i) {
            all[i] = MerkleTree.leaf(i + 1, payee, plan.cumulative[i]);
        }
    }
}

/// @title The pool is never drained
contract RewardsInvariants {
    RewardsActors private actors;

    function setUp() public {
        actors = new RewardsActors();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_thePoolIsNeverDrained() external view {
        EpochReports reports = actors.theReports();
        (, uint256 total, uint256 claimedTotal) = reports.head();
        uint256 sum;
        for (uint256 nodeId = 1; nodeId <= actors.NODES(); ++nodeId) {
            uint256 claimed = reports.claimed(nodeId);
            vm.assertEq(claimed, actors.paid(nodeId), "claimed is what was paid");
            sum += claimed;
        }
        vm.assertEq(sum, claimedTotal, "claims add up");
        vm.assertLe(claimedTotal, total, "claimed <= cumulative total");
        vm.assertLe(total, actors.most(), "total <= emission cap x epochs");
        vm.assertGe(actors.held(), total - claimedTotal, "the pool holds what it owes");
    }
}
