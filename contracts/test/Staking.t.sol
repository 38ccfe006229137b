// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {INodeRegistry} from "../src/INodeRegistry.sol";
import {Staking} from "../src/Staking.sol";
import {DeployedTest} from "./Deployment.sol";
import {LossyToken} from "./LossyToken.sol";
import {vm} from "./Vm.sol";

/// @title Bonds and their way out
contract StakingTest is DeployedTest {
    uint256 private nodeId;

    function setUp() public override {
        super.setUp();
        nodeId = registerNode();
    }

    function bonded() private view returns (uint256 amount) {
        (amount,,,) = staking.stakeOf(nodeId);
    }

    function test_anybodyButTheHotKeyBonds() public {
        token.approve(address(staking), 5 ether);
        staking.bond(nodeId, 2 ether);
        staking.bond(nodeId, 3 ether);
        vm.assertEq(bonded(), 5 ether);
        vm.assertEq(token.balanceOf(address(staking)), 5 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.SignerMayNotBond.selector, nodeId));
        vm.prank(signer);
        staking.bond(nodeId, 1);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.bond(nodeId, 0);
    }

    function test_bondsForLiveNodesOnly() public {
        vm.expectRevert(abi.encodeWithSelector(Staking.NodeNotLive.selector, 99));
        staking.bond(99, 1);
        vm.prank(owner);
        registry.deregister(nodeId);
        vm.expectRevert(abi.encodeWithSelector(Staking.NodeNotLive.selector, nodeId));
        staking.bond(nodeId, 1);
    }

    function permitOf(uint256 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        uint256 nonce = token.nonces(owner);
        bytes32 structHash =
            keccak256(abi.encode(typehash, owner, address(staking), amount, nonce, START + 1 hours));
        return vm.sign(OWNER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function test_bondsWithPermit() public {
        token.transfer(owner, 9 ether);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(9 ether);
        vm.prank(owner);
        staking.bondWithPermit(nodeId, 9 ether, START + 1 hours, v, r, s);
        vm.assertEq(bonded(), 9 ether);
    }

    function test_aPermitThatSomebodySentFirstDoesNoHarm() public {
        token.transfer(owner, 9 ether);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(9 ether);
        token.permit(owner, address(staking), 9 ether, START + 1 hours, v, r, s);
        vm.prank(owner);
        staking.bondWithPermit(nodeId, 9 ether, START + 1 hours, v, r, s);
        vm.assertEq(bonded(), 9 ether);
    }

    function test_aBadPermitMovesNothing() public {
        token.transfer(owner, 9 ether);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        vm.prank(owner);
        staking.bondWithPermit(nodeId, 9 ether, START + 1 hours, 27, bytes32("r"), bytes32("s"));
    }

    function test_tokensThatKeepAFeeAreRefused() public {
        LossyToken lossy = new LossyToken(address(this), 100 ether);
        Staking other = createStaking(registry, lossy, treasury, stakingParameters());
        lossy.approve(address(other), 100 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.InexactTransfer.selector, 100 ether, 99 ether));
        other.bond(nodeId, 100 ether);
    }

    function test_unbondingWaits() public {
        bondNode(nodeId, 10 ether);
        vm.startPrank(owner);
        staking.unbond(nodeId, 4 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.NothingToWithdraw.selector, nodeId));
        staking.withdraw(nodeId);
        vm.assertEq(staking.withdrawable(nodeId), 0);
        vm.warp(START + 14 days);
        vm.assertEq(staking.withdrawable(nodeId), 4 ether);
        vm.assertEq(staking.withdraw(nodeId), 4 ether);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(owner), 4 ether);
        vm.assertEq(bonded(), 6 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.NothingToWithdraw.selector, nodeId));
        staking.withdraw(nodeId);
    }

    function test_eachEntryHasItsOwnTime() public {
        bondNode(nodeId, 10 ether);
        vm.startPrank(owner);
        staking.unbond(nodeId, 1 ether);
        vm.warp(START + 1 days);
        staking.unbond(nodeId, 2 ether);
        vm.warp(START + 2 days);
        staking.unbond(nodeId, 3 ether);
        vm.stopPrank();
        vm.warp(START + 15 days);
        vm.prank(relayer); // anybody may send it
        vm.assertEq(staking.withdraw(nodeId), 3 ether);
        (, uint256 unbonding,, Staking.Unbonding[] memory entries) = staking.stakeOf(nodeId);
        vm.assertEq(unbonding, 3 ether);
        vm.assertEq(entries.length, 1);
        vm.assertEq(entries[0].amount, 3 ether);
        vm.assertEq(entries[0].unlockTime, START + 16 days);
        vm.assertEq(token.balanceOf(owner), 3 ether);
    }

    function test_theQueueIsBounded() public {
        bondNode(nodeId, 10 ether);
        vm.startPrank(owner);
        for (uint256 i = 0; i < 8; ++i) {
            staking.unbond(nodeId, 1 ether);
        }
        vm.expectRevert(abi.encodeWithSelector(Staking.TooManyUnbondings.selector, nodeId));
        staking.unbond(nodeId, 1 ether);
        vm.stopPrank();
    }

    function test_onlyTheOwnerUnbondsWhatIsThere() public {
        bondNode(nodeId, 10 ether);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotOwner.selector, nodeId, signer));
        vm.prank(signer);
        staking.unbond(nodeId, 1 ether);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotEnoughBonded.selector, nodeId, 10 ether));
        staking.unbond(nodeId, 10 ether + 1);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.unbond(nodeId, 0);
        vm.stopPrank();
    }

    function test_aNodeThatIsGoneGetsItsBondBack() public {
        bondNode(nodeId, 10 ether);
        vm.startPrank(owner);
        registry.deregister(nodeId);
        staking.unbond(nodeId, 10 ether);
        vm.warp(START + 14 days);
        staking.withdraw(nodeId);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(owner), 10 ether);
    }

    function test_listsNodesWithBondThatAreNeitherSuspendedNorGone() public {
        vm.assertFalse(staking.listed(nodeId));
        bondNode(nodeId, 1_000 ether);
        vm.assertTrue(staking.listed(nodeId));
        vm.prank(watcher);
        registry.suspend(nodeId, "offline");
        vm.assertFalse(staking.listed(nodeId));
        vm.prank(signer);
        registry.resume(nodeId);
        vm.prank(owner);
        staking.unbond(nodeId, 1);
        vm.assertFalse(staking.listed(nodeId));
    }

    function test_parametersChangeThroughTheTimelockAlone() public {
        Staking.Parameters memory next = stakingParameters();
        next.minimumBond = 5 ether;
        vm.expectRevert();
        vm.prank(admin);
        staking.setParameters(next);
        throughTimelock(address(staking), abi.encodeCall(Staking.setParameters, (next)));
        (uint96 minimumBond,,,,,,) = staking.parameters();
        vm.assertEq(minimumBond, 5 ether);
    }

    function test_senselessParametersAreRefused(uint8 which) public {
        Staking.Parameters memory bad = stakingParameters();
        which = which % 7;
        if (which == 0) bad.unbondingTime = 7 days - 1;
        if (which == 1) bad.unbondingTime = 21 days + 1;
        if (which == 2) bad.evidenceAge = bad.unbondingTime;
        if (which == 3) bad.appealWindow = 30 days + 1;
        if (which == 4) bad.jailTime = 365 days + 1;
        if (which == 5) bad.offenceCapBps = 10_001;
        if (which == 6) bad.periodCapBps = 10_001;
        vm.expectRevert(Staking.BadParameters.selector);
        createStaking(registry, token, treasury, bad);
    }

    function test_zeroAddressesAreRefused() public {
        vm.expectRevert(Staking.ZeroAddress.selector);
        createStaking(INodeRegistry(address(0)), token, treasury, stakingParameters());
        vm.expectRevert(Staking.ZeroAddress.selector);
        createStaking(registry, IERC20(address(0)), treasury, stakingParameters());
        vm.expectRevert(Staking.ZeroAddress.selector);
        createStaking(registry, token, address(0), stakingParameters());
    }
}
