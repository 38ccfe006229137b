// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {INodeRegistry} from "../src/INodeRegistry.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {OwnerContract} from "./OwnerContract.sol";
import {DeployedTest} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title What others send for a node whose keys signed it
contract RelayedTest is DeployedTest {
    uint256 private constant OTHER_KEY = 0xB0B;

    uint256 private deadline = START + 1 hours;

    function registerApproval(address owner_, uint256 nonce) private view returns (NodeRegistry.Approval memory) {
        bytes32 structHash = registerHash(owner_, registrationOf(signer), nonce, deadline);
        return approve(OWNER_KEY, structHash, nonce, deadline);
    }

    function relayRegistration(NodeRegistry.Approval memory approval) private returns (uint256) {
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.prank(relayer);
        return registry.registerFor(owner, registrationOf(signer), approval, agreed);
    }

    function test_registersForTheOwnerWhoSigned() public {
        uint256 nodeId = relayRegistration(registerApproval(owner, 0));
        vm.assertEq(registry.nodes(nodeId).owner, owner);
        vm.assertEq(registry.nodeOf(signer), nodeId);
    }

    function test_aReplayIsRefused() public {
        NodeRegistry.Approval memory approval = registerApproval(owner, 0);
        relayRegistration(approval);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.expectRevert(abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, owner, 1));
        registry.registerFor(owner, registrationOf(signer), approval, agreed);
    }

    function test_everyChangedFieldIsRefused(uint8 field) public {
        NodeRegistry.Approval memory approval = registerApproval(owner, 0);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        NodeRegistry.Registration memory changed = registrationOf(signer);
        field = field % 8;
        if (field == 0) changed.payee = relayer;
        if (field == 1) changed.region = "mars";
        if (field == 2) ++changed.version;
        if (field == 3) changed.capsHash = 0;
        if (field == 4) changed.endpoint = "https://evil.example.org";
        if (field == 5) changed.signer = relayer;
        if (field == 6) ++approval.deadline;
        if (field == 7) approval.signature[10] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, owner));
        registry.registerFor(owner, changed, approval, agreed);
    }

    function test_deadlinesAreKept() public {
        NodeRegistry.Approval memory approval = registerApproval(owner, 0);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.Expired.selector, deadline));
        registry.registerFor(owner, registrationOf(signer), approval, agreed);
        approval = consent(OWNER_KEY, owner);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.Expired.selector, deadline));
        vm.prank(owner);
        registry.register(registrationOf(signer), agreed);
    }

    function test_anotherChainIsRefused() public {
        NodeRegistry.Approval memory approval = registerApproval(owner, 0);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, owner));
        registry.registerFor(owner, registrationOf(signer), approval, agreed);
    }

    function test_sequencesOfNoncesAreIndependent() public {
        uint256 keyed = registry.nonces(owner, 7);
        vm.assertEq(keyed, 7 << 64);
        relayRegistration(registerApproval(owner, keyed));
        vm.assertEq(registry.nonces(owner, 7), (7 << 64) + 1);
        vm.assertEq(registry.nonces(owner, 0), 0);
    }

    function test_highSAndShortSignaturesAreRefused() public {
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, owner);
        bytes memory low = agreed.signature;
        (bytes32 r, bytes32 s, uint8 v) = split(low);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes[3] memory bad = [
            abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27)),
            abi.encodePacked(r, s, uint8(v - 27)),
            abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)))
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            agreed.signature = bad[i];
            vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, signer));
            vm.prank(owner);
            registry.register(registrationOf(signer), agreed);
        }
    }

    function split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }

    function test_updatesForTheSignerThatSigned() public {
        uint256 nodeId = registerNode();
        NodeRegistry.Details memory details = NodeRegistry.Details("eu", 2, keccak256("c2"), "wss://b.example");
        uint256 nonce = registry.nonces(signer, 0);
        bytes32 structHash = keccak256(
            abi.encode(
                registry.UPDATE_TYPEHASH(),
                nodeId,
                details.region,
                details.version,
                details.capsHash,
                keccak256(bytes(details.endpoint)),
                nonce,
                deadline
            )
        );
        NodeRegistry.Approval memory byOwner = approve(OWNER_KEY, structHash, nonce, deadline);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, signer));
        registry.updateFor(nodeId, details, byOwner);
        registry.updateFor(nodeId, details, approve(SIGNER_KEY, structHash, nonce, deadline));
        vm.assertEq(registry.nodes(nodeId).endpoint, "wss://b.example");
    }

    function test_rotatesAndDeregistersForTheOwnerWhoSigned() public {
        uint256 nodeId = registerNode();
        address next = vm.addr(OTHER_KEY);
        bytes32 structHash = keccak256(abi.encode(registry.ROTATE_TYPEHASH(), nodeId, next, 0, deadline));
        NodeRegistry.Approval memory approval = approve(OWNER_KEY, structHash, 0, deadline);
        NodeRegistry.Approval memory agreed = consent(OTHER_KEY, owner);
        registry.rotateFor(nodeId, next, approval, agreed);
        vm.assertEq(registry.nodeOf(next), nodeId);
        structHash = keccak256(abi.encode(registry.DEREGISTER_TYPEHASH(), nodeId, 1, deadline));
        NodeRegistry.Approval memory bySigner = approve(OTHER_KEY, structHash, 1, deadline);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, owner));
        registry.deregisterFor(nodeId, bySigner);
        registry.deregisterFor(nodeId, approve(OWNER_KEY, structHash, 1, deadline));
        vm.assertEq(uint256(statusOf(nodeId)), uint256(INodeRegistry.Status.Gone));
    }

    function test_anOwnerMayBeAContractUntilItRevokes() public {
        OwnerContract wallet = new OwnerContract(owner);
        NodeRegistry.Approval memory approval = registerApproval(address(wallet), 0);
        NodeRegistry.Approval memory agreed = consent(SIGNER_KEY, address(wallet));
        uint256 nodeId = registry.registerFor(address(wallet), registrationOf(signer), approval, agreed);
        vm.assertEq(registry.nodes(nodeId).owner, address(wallet));
        vm.prank(owner);
        wallet.execute(address(registry), abi.encodeCall(NodeRegistry.changePayee, (nodeId, relayer)));
        vm.prank(owner);
        wallet.revoke();
        bytes32 structHash = keccak256(abi.encode(registry.DEREGISTER_TYPEHASH(), nodeId, 1, deadline));
        approval = approve(OWNER_KEY, structHash, 1, deadline);
        vm.expectRevert(abi.encodeWithSelector(NodeRegistry.BadSignature.selector, address(wallet)));
        registry.deregisterFor(nodeId, approval);
    }
}
