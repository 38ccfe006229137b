// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {INodeRegistry} from "../src/INodeRegistry.sol";
import {MediaToken} from "../src/MediaToken.sol";
import {Staking} from "../src/Staking.sol";
import {vm} from "./Vm.sol";

/// @title A registry in which every node has one owner
contract OneOwner {
    address private immutable owner = msg.sender;

    function keysOf(uint256) external view returns (INodeRegistry.Keys memory) {
        return INodeRegistry.Keys(owner, address(0x51), INodeRegistry.Status.Active);
    }
}

/// @title What holds for every amount; Halmos proves it
contract StakingChecks {
    uint256 private constant NODE = 1;
    uint256 private constant BEGIN = 1_800_000_000;
    address private constant TREASURY = address(0x7EA);

    MediaToken private token;
    Staking private staking;

    function setUp() public {
        vm.warp(BEGIN);
        token = new MediaToken(address(this), type(uint128).max);
        Staking.Parameters memory rules = Staking.Parameters({
            minimumBond: 1,
            unbondingTime: 7 days,
            evidenceAge: 1 days,
            appealWindow: 1 hours,
            jailTime: 1 hours,
            offenceCapBps: 10_000,
            periodCapBps: 10_000
        });
        address manager = address(new AccessManager(address(this)));
        staking = new Staking(manager, INodeRegistry(address(new OneOwner())), token, TREASURY, rules);
        token.approve(address(staking), type(uint256).max);
    }

    function entries() private view returns (uint256 bonded, uint256 unbonding, Staking.Unbonding[] memory queue) {
        (bonded, unbonding,, queue) = staking.stakeOf(NODE);
    }

    /// A bond, and two parts on their way out.
    function begin(uint96 bond, uint96 first, uint96 second) private {
        staking.bond(NODE, uint256(bond) + first + second);
        staking.unbond(NODE, first);
        vm.warp(BEGIN + 1 days);
        staking.unbond(NODE, second);
    }

    /// What is on its way out is the sum of its entries and was taken from the bond.
    function check_unbondingMovesAndKeepsTheSum(uint96 bond, uint96 first, uint96 second) external {
        begin(bond, first, second);
        (uint256 bonded, uint256 unbonding, Staking.Unbonding[] memory queue) = entries();
        assert(queue.length == 2 && queue[0].amount == first && queue[1].amount == second);
        assert(unbonding == uint256(first) + second);
        assert(bonded == bond);
        assert(token.balanceOf(address(staking)) == bonded + unbonding);
    }

    /// A withdrawal pays the entries whose time has come, and none other.
    function check_withdrawalsPayWhatIsUnlocked(uint96 bond, uint96 first, uint96 second, uint32 later) external {
        begin(bond, first, second);
        vm.warp(BEGIN + later);
        uint256 paid = staking.withdraw(NODE);
        (uint256 bonded, uint256 unbonding, Staking.Unbonding[] memory queue) = entries();
        assert(later >= 7 days);
        assert(paid == (later >= 8 days ? uint256(first) + second : first));
        assert(queue.length == (later >= 8 days ? 0 : 1) && unbonding == (later >= 8 days ? 0 : second));
        assert(bonded == bond);
        assert(token.balanceOf(address(staking)) == bonded + unbonding);
    }

    function slash(uint96 amount) private {
        uint256 slashId = staking.proposeSlash(NODE, amount, "receipts");
        vm.warp(BEGIN + 2 days);
        assert(staking.executeSlash(slashId) == amount);
        assert(token.balanceOf(TREASURY) == amount);
    }

    /// A slash that is less than the bond leaves alone what is on its way out.
    function check_slashesTakeTheBondFirst(uint96 bond, uint96 first, uint96 second, uint96 amount) external {
        vm.assume(amount < bond);
        begin(bond, first, second);
        slash(amount);
        (uint256 bonded, uint256 unbonding, Staking.Unbonding[] memory queue) = entries();
        assert(bonded == bond - amount && unbonding == uint256(first) + second);
        assert(queue.length == 2 && queue[0].amount == first && queue[1].amount == second);
    }

    /// Then it takes the newest entry, then the oldest.
    function check_slashesTakeTheNewestEntryNext(uint96 bond, uint96 first, uint96 second, uint96 part) external {
        vm.assume(part < second);
        begin(bond, first, second);
        slash(bond + part);
        (uint256 bonded, uint256 unbonding, Staking.Unbonding[] memory queue) = entries();
        assert(bonded == 0 && unbonding == uint256(first) + second - part);
        assert(queue.length == 2 && queue[0].amount == first && queue[1].amount == second - part);
    }

    function check_slashesTakeTheOldestEntryLast(uint96 bond, uint96 first, uint96 second, uint96 part) external {
        vm.assume(part < first);
        begin(bond, first, second);
        slash(bond + second + part);
        (uint256 bonded, uint256 unbonding, Staking.Unbonding[] memory queue) = entries();
        assert(bonded == 0 && unbonding == first - part);
        assert(queue.length == 1 && queue[0].amount == first - part);
    }

    /// Nothing leaves before a slash that was proposed is done.
    function check_nothingIsWithdrawnUnderASlash(uint96 bond, uint96 first, uint96 second, uint96 amount, uint32 later)
        external
    {
        begin(bond, first, second);
        staking.proposeSlash(NODE, amount, "receipts");
        vm.warp(BEGIN + later);
        try staking.withdraw(NODE) {
            assert(false);
        } catch {}
    }
}
