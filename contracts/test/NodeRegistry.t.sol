// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {INodeRegistry} from "../src/INodeRegistry.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {DeployedTest} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title A node's record and its keys, sent by the keys themselves
contract NodeRegistryTest is DeployedTest {
    uint256 private constant OTHER_KEY = 0xB0B;

    address private other = vm.addr(OTHER_KEY);

    function test_registersWhatTheOwnerSays() public {
        uint256 nodeId = registerNode();
        INodeRegistry.Node memory node = registry.nodes(nodeId);
        vm.assertEq(nodeId, 1);
        vm.assertEq(node.owner, owner);
        vm.assertEq(node.signer, signer);
        vm.assertEq(node.payee, payee);
        vm.assertEq(uint256(node.status), uint256(INodeRegistry.Status.Active));
        vm.assertEq(node.revision, 1);
        vm.assertEq(node.version, 0x00010203);
        vm.assertEq(bytes32(node.region), bytes32(bytes8("eu-west")));
        vm.assertEq(node.capsHash, keccak256("caps"));
        vm.assertEq(node.endpoint, ENDPOINT);
        vm.assertEq(registry.nodeOf(signer), nodeId);
        vm.assertEq(registry.lastNodeId(), nodeId);
    }

    function test_consentNamesTheOwner() public {
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, signer));
        vm.prank(other);
        registry.register(registrationOf(signer), agreed);
    }

    function test_oneSignerOneNode() public {
        uint256 nodeId = registerNode();
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.SignerTaken.selector, signer, nodeId));
        vm.prank(owner);
        registry.register(registrationOf(signer), agreed);
    }

    function test_keysAreSeparate() public {
        NodeRegistry.Approval memory own = consent(OWNER_KEY, owner);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        NodeRegistry.Registration memory registration = registrationOf(owner);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.KeysNotSeparate.selector, owner));
        registry.register(registration, own);
        registration.signer = signer;
        registration.payee = signer;
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.KeysNotSeparate.selector, signer));
        registry.register(registration, agreed);
        registration.payee = address(0);
        vm.expectRevert(NodeRegistry.ZeroAddress.selector);
        registry.register(registration, agreed);
        vm.stopPrank();
    }

    function test_refusesEndpointsWithoutTransportSecurity() public {
        string[5] memory bad = ["", "https://", "http://node.example", "wss://", "ftp://node.example.org"];
        uint256 nodeId = registerNode();
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadEndpoint.selector, bad[i]));
            vm.prank(signer);
            registry.update(nodeId, NodeRegistry.Details(0, 1, 0, bad[i]));
        }
        string memory longest = string.concat("wss://", string(new bytes(122)));
        vm.prank(signer);
        registry.update(nodeId, NodeRegistry.Details(0, 1, 0, longest));
        string memory tooLong = string.concat(longest, "x");
        vm.expectPartialRevert(NodeRegistry.BadEndpoint.selector);
        vm.prank(signer);
        registry.update(nodeId, NodeRegistry.Details(0, 1, 0, tooLong));
    }

    function test_signerAndOwnerUpdate() public {
        uint256 nodeId = registerNode();
        vm.prank(signer);
        registry.update(nodeId, NodeRegistry.Details("us-east", 7, keccak256("more"), "wss://n.example"));
        INodeRegistry.Node memory node = registry.nodes(nodeId);
        vm.assertEq(node.revision, 2);
        vm.assertEq(node.version, 7);
        vm.assertEq(node.endpoint, "wss://n.example");
        vm.assertEq(node.capsHash, keccak256("more"));
        vm.prank(owner);
        registry.update(nodeId, NodeRegistry.Details("us-east", 8, keccak256("more"), "wss://n.example"));
        vm.assertEq(registry.nodes(nodeId).revision, 3);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotNode.selector, nodeId, other));
        vm.prank(other);
        registry.update(nodeId, NodeRegistry.Details("us-east", 9, 0, "wss://n.example"));
    }

    function test_unknownNodesAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.UnknownNode.selector, 7));
        registry.update(7, NodeRegistry.Details(0, 1, 0, ENDPOINT));
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOwner.selector, 7, address(this)));
        registry.deregister(7);
        vm.assertEq(registry.nodes(7).owner, address(0));
        vm.assertEq(registry.nodeOf(address(7)), 0);
    }

    function test_suspendedNodesResumeThemselves() public {
        uint256 nodeId = registerNode();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, other));
        vm.prank(other);
        registry.suspend(nodeId, "offline");
        vm.prank(watcher);
        registry.suspend(nodeId, "offline");
        vm.assertEq(uint256(statusOf(nodeId)), uint256(INodeRegistry.Status.Suspended));
        vm.expectRevert(
            abi.encodeWithSelector(
                NodeRegistry.WrongStatus.selector, nodeId, INodeRegistry.Status.Suspended
            )
        );
        vm.prank(watcher);
        registry.suspend(nodeId, "offline");
        vm.prank(signer);
        registry.resume(nodeId);
        vm.assertEq(uint256(statusOf(nodeId)), uint256(INodeRegistry.Status.Active));
    }

    function test_rotationBindsTheNewKeyAndKeepsTheOldOnesTime() public {
        uint256 nodeId = registerNode();
        vm.warp(START + 1 days);
        NodeRegistry.Approval memory agreed = consent(OTHER_KEY, owner);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOwner.selector, nodeId, signer));
        vm.prank(signer);
        registry.rotate(nodeId, other, agreed);
        vm.prank(owner);
        registry.rotate(nodeId, other, agreed);
        vm.assertEq(registry.nodeOf(other), nodeId);
        vm.assertEq(registry.nodeOf(signer), 0);
        vm.assertTrue(registry.spokeFor(signer, nodeId, uint64(START)));
        vm.assertTrue(registry.spokeFor(signer, nodeId, uint64(START + 1 days)));
        vm.assertFalse(registry.spokeFor(signer, nodeId, uint64(START + 1 days + 1)));
        vm.assertFalse(registry.spokeFor(other, nodeId, uint64(START)));
        vm.assertFalse(registry.spokeFor(other, nodeId + 1, uint64(START + 2 days)));
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotNode.selector, nodeId, signer));
        vm.prank(signer);
        registry.update(nodeId, NodeRegistry.Details(0, 1, 0, ENDPOINT));
    }

    function test_aNodeTakesItsOldKeyBack() public {
        uint256 nodeId = registerNode();
        NodeRegistry.Approval memory agreed = consent(OTHER_KEY, owner);
        vm.prank(owner);
        registry.rotate(nodeId, other, agreed);
        agreed = consent(SIGNER_KEY, owner);
        vm.prank(owner);
        registry.rotate(nodeId, signer, agreed);
        vm.assertEq(registry.nodeOf(signer), nodeId);
        vm.assertTrue(registry.spokeFor(signer, nodeId, uint64(START)));
    }

    function test_aRetiredKeyRestsBeforeItServesAnotherNode() public {
        uint256 nodeId = registerNode();
        vm.prank(owner);
        registry.deregister(nodeId);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.SignerTaken.selector, signer, nodeId));
        vm.prank(owner);
        registry.register(registrationOf(signer), agreed);
        vm.warp(START + 14 days + 1);
        uint256 next = registerNode();
        vm.assertEq(registry.nodeOf(signer), next);
        vm.assertFalse(registry.spokeFor(signer, next, uint64(START)));
    }

    function test_theKeyOfANodeThatLeftSpokeForItUntilThen() public {
        uint256 nodeId = registerNode();
        vm.warp(START + 1 days);
        NodeRegistry.Approval memory agreed = consent(OTHER_KEY, owner);
        vm.startPrank(owner);
        registry.rotate(nodeId, other, agreed);
        vm.warp(START + 2 days);
        registry.deregister(nodeId);
        vm.stopPrank();
        vm.warp(START + 3 days);
        vm.assertTrue(registry.spokeFor(other, nodeId, uint64(START + 2 days)));
        vm.assertFalse(registry.spokeFor(other, nodeId, uint64(START + 2 days + 1)));
        (uint128 boundTo, uint64 since, uint64 until) = registry.bindings(other);
        vm.assertEq(boundTo, nodeId);
        vm.assertEq(since, START + 1 days);
        vm.assertEq(until, START + 2 days);
        (,, until) = registry.bindings(signer); // which left earlier
        vm.assertEq(until, START + 1 days);
    }

    function test_payeeChangesAfterTheDelay() public {
        uint256 nodeId = registerNode();
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOwner.selector, nodeId, signer));
        vm.prank(signer);
        registry.changePayee(nodeId, other);
        vm.startPrank(owner);
        registry.changePayee(nodeId, other);
        vm.assertEq(registry.payeeOf(nodeId), payee);
        vm.warp(START + 1 days);
        vm.assertEq(registry.payeeOf(nodeId), other);
        vm.assertEq(registry.nodes(nodeId).payee, other);
        registry.changePayee(nodeId, address(0xCAFE));
        vm.assertEq(registry.payeeOf(nodeId), other);
        registry.changePayee(nodeId, other); // withdraws it
        vm.warp(START + 9 days);
        vm.assertEq(registry.payeeOf(nodeId), other);
        vm.expectRevert(NodeRegistry.ZeroAddress.selector);
        registry.changePayee(nodeId, address(0));
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.KeysNotSeparate.selector, signer));
        registry.changePayee(nodeId, signer);
        vm.stopPrank();
    }

    function test_aPayeeToBeCannotBecomeTheSigner() public {
        uint256 nodeId = registerNode();
        NodeRegistry.Approval memory agreed = consent(OTHER_KEY, owner);
        vm.startPrank(owner);
        registry.changePayee(nodeId, other);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.KeysNotSeparate.selector, other));
        registry.rotate(nodeId, other, agreed);
        vm.stopPrank();
    }

    function test_ownershipIsOfferedAndAccepted() public {
        uint256 nodeId = registerNode();
        vm.startPrank(owner);
        registry.changePayee(nodeId, address(0xCAFE));
        registry.offerOwner(nodeId, other);
        vm.stopPrank();
        uint64 effective = uint64(START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.TooEarly.selector, effective));
        vm.prank(other);
        registry.acceptOwner(nodeId);
        vm.warp(effective);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOffered.selector, nodeId, signer));
        vm.prank(signer);
        registry.acceptOwner(nodeId);
        vm.prank(other);
        registry.acceptOwner(nodeId);
        INodeRegistry.Node memory node = registry.nodes(nodeId);
        vm.assertEq(node.owner, other);
        vm.assertEq(node.payee, other);
        vm.assertEq(node.reputationEpoch, 1);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOffered.selector, nodeId, other));
        vm.prank(other);
        registry.acceptOwner(nodeId);
    }

    function test_offersCanBeWithdrawn() public {
        uint256 nodeId = registerNode();
        vm.startPrank(owner);
        registry.offerOwner(nodeId, signer);
        vm.warp(START + 1 days);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.KeysNotSeparate.selector, signer));
        vm.prank(signer);
        registry.acceptOwner(nodeId);
        vm.prank(owner);
        registry.offerOwner(nodeId, address(0));
        vm.warp(START + 2 days);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOffered.selector, nodeId, signer));
        vm.prank(signer);
        registry.acceptOwner(nodeId);
    }

    function test_deregisteredIsForGood() public {
        uint256 nodeId = registerNode();
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.NotOwner.selector, nodeId, signer));
        vm.prank(signer);
        registry.deregister(nodeId);
        vm.startPrank(owner);
        registry.deregister(nodeId);
        vm.assertEq(registry.nodes(nodeId).endpoint, "");
        vm.assertEq(registry.nodeOf(signer), 0);
        NodeRegistry.Approval memory agreed = consent(OTHER_KEY, owner);
        bytes memory gone = abi.encodeWithSelector(NodeRegistry.NodeGone.selector, nodeId);
        vm.expectRevert(gone);
        registry.deregister(nodeId);
        vm.expectRevert(gone);
        registry.update(nodeId, NodeRegistry.Details(0, 1, 0, ENDPOINT));
        vm.expectRevert(gone);
        registry.rotate(nodeId, other, agreed);
        vm.expectRevert(gone);
        registry.resume(nodeId);
        vm.stopPrank();
    }

    function test_parametersChangeThroughTheTimelockAlone() public {
        NodeRegistry.Parameters memory next = NodeRegistry.Parameters(3 days, 20 days);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotScheduled.selector);
        vm.prank(admin);
        registry.setParameters(next);
        throughTimelock(address(registry), abi.encodeCall(NodeRegistry.setParameters, (next)));
        (uint32 changeDelay, uint32 signerRest) = registry.parameters();
        vm.assertEq(changeDelay, 3 days);
        vm.assertEq(signerRest, 20 days);
    }

    function test_senselessParametersAreRefused() public {
        vm.expectRevert(NodeRegistry.BadParameters.selector);
        createRegistry(NodeRegistry.Parameters(31 days, 14 days));
        vm.expectRevert(NodeRegistry.BadParameters.selector);
        createRegistry(NodeRegistry.Parameters(1 days, 31 days));
    }
}
