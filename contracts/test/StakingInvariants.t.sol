// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Staking} from "../src/Staking.sol";
import {Deployment} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title Owners, slashers and guardians doing what they may, in any order
contract StakingActors is Deployment {
    uint256 public constant NODES = 3;

    uint256[] public ids;
    mapping(uint256 nodeId => uint256) public deposited;
    mapping(uint256 nodeId => uint256) public withdrawn;
    mapping(uint256 nodeId => uint256) public slashed;

    uint256 private _time = START;

    modifier atItsTime() {
        vm.warp(_time);
        _;
    }

    constructor() {
        deployAll();
        for (uint256 i = 0; i < NODES; ++i) {
            ids.push(registerNode(owner, SIGNER_KEY + i));
        }
        token.approve(address(staking), type(uint256).max);
    }

    function theStaking() external view returns (Staking) {
        return staking;
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(staking));
    }

    function node(uint256 seed) private view returns (uint256) {
        return ids[seed % NODES];
    }

    function wait(uint256 seconds_) external {
        _time += seconds_ % 5 days;
        vm.warp(_time);
    }

    function bond(uint256 seed, uint256 amount) external atItsTime {
        uint256 nodeId = node(seed);
        amount = 1 + amount % 10_000 ether;
        staking.bond(nodeId, amount);
        deposited[nodeId] += amount;
    }

    function unbond(uint256 seed, uint256 amount) external atItsTime {
        uint256 nodeId = node(seed);
        (uint256 bonded,,, Staking.Unbonding[] memory entries) = staking.stakeOf(nodeId);
        if (bonded == 0 || entries.length == 8) return;
        vm.prank(owner);
        staking.unbond(nodeId, 1 + amount % bonded);
    }

    function withdraw(uint256 seed) external atItsTime {
        uint256 nodeId = node(seed);
        uint256 due = staking.withdrawable(nodeId);
        if (due == 0) return;
        uint256 before = token.balanceOf(owner);
        vm.assertEq(staking.withdraw(nodeId), due);
        vm.assertEq(token.balanceOf(owner) - before, due);
        withdrawn[nodeId] += due;
    }

    function propose(uint256 seed, uint256 amount) external atItsTime {
        uint256 nodeId = node(seed);
        uint256 most = staking.slashable(nodeId);
        if (most == 0) return;
        vm.prank(slasher);
        staking.proposeSlash(nodeId, 1 + amount % most, "receipts");
    }

    function appeal(uint256 seed) external atItsTime {
        (uint256 slashId, Staking.SlashState state,) = slash(seed);
        if (state != Staking.SlashState.Pending) return;
        vm.prank(owner);
        staking.appeal(slashId, "not me");
    }

    function cancel(uint256 seed) external atItsTime {
        (uint256 slashId, Staking.SlashState state,) = slash(seed);
        if (state != Staking.SlashState.Pending && state != Staking.SlashState.Appealed) return;
        vm.prank(guardian);
        staking.cancelSlash(slashId);
    }

    function execute(uint256 seed) external atItsTime {
        (uint256 slashId, Staking.SlashState state, uint256 executableAt) = slash(seed);
        if (state != Staking.SlashState.Pending && state != Staking.SlashState.Appealed) return;
        if (_time < executableAt) return;
        (uint64 nodeId, uint96 proposed,,,,) = staking.slashes(slashId);
        uint256 taken = staking.executeSlash(slashId);
        vm.assertLe(taken, proposed, "takes more than was proposed");
        slashed[nodeId] += taken;
    }

    function slash(uint256 seed) private view returns (uint256 id, Staking.SlashState state, uint256 executableAt) {
        uint256 last = staking.lastSlashId();
        if (last == 0) return (0, Staking.SlashState.None, 0);
        id = 1 + seed % last;
        (,, state, executableAt,,) = staking.slashes(id);
    }
}

/// @title Nothing is lost and nothing is made
contract StakingInvariants {
    StakingActors private actors;

    function setUp() public {
        actors = new StakingActors();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_accountsAddUp() external view {
        Staking staking = actors.theStaking();
        uint256 sum;
        for (uint256 i = 0; i < actors.NODES(); ++i) {
            uint256 nodeId = actors.ids(i);
            (uint256 bonded, uint256 unbonding,, Staking.Unbonding[] memory entries) = staking.stakeOf(nodeId);
            uint256 queued;
            for (uint256 j = 0; j < entries.length; ++j) {
                queued += entries[j].amount;
            }
            vm.assertEq(queued, unbonding, "the queue is what is unbonding");
            uint256 left = actors.slashed(nodeId) + actors.withdrawn(nodeId);
            vm.assertEq(bonded + unbonding + left, actors.deposited(nodeId), "bonded + unbonding + left = deposited");
            (, uint256 spent, uint256 limit) = staking.budgets(nodeId);
            vm.assertLe(spent, limit, "a day takes its cap at most");
            sum += bonded + unbonding;
        }
        vm.assertEq(actors.held(), sum, "the contract holds all stakes");
    }
}
