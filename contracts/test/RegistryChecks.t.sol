// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {INodeRegistry} from "../src/INodeRegistry.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {vm} from "./Vm.sol";

/// @title What holds for every signature, nonce and time; Halmos proves it
contract RegistryChecks {
    uint256 private constant SIGNER_KEY = 0x51641E2;
    uint256 private constant BEGIN = 1_800_000_000;
    string private constant ENDPOINT = "https://node-1.example.org";

    address private immutable signer = vm.addr(SIGNER_KEY);
    NodeRegistry private registry;
    uint256 private nodeId;

    function setUp() public {
        vm.warp(BEGIN);
        registry = new NodeRegistry(
            address(new AccessManager(address(this))), NodeRegistry.Parameters({changeDelay: 1 days, signerRest: 14 days})
        );
        nodeId = register();
    }

    function register() private returns (uint256) {
        uint256 deadline = block.timestamp;
        uint256 nonce = registry.nonces(signer, 0);
        bytes32 structHash =
            keccak256(abi.encode(registry.SIGNER_CONSENT_TYPEHASH(), address(this), signer, nonce, deadline));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            SIGNER_KEY, keccak256(abi.encodePacked(hex"1901", registry.domainSeparator(), structHash))
        );
        return registry.register(
            NodeRegistry.Registration(signer, address(0xFEE), "eu-west", 1, keccak256("caps"), ENDPOINT),
            NodeRegistry.Approval(nonce, deadline, abi.encodePacked(r, s, v))
        );
    }

    /// What a signer approved is done once, under any nonce of any sequence; other sequences do not notice.
    function check_approvalsAreUsedOnce(uint192 key, uint192 other, uint64 count, bytes32 r, bytes32 s, uint8 v)
        external
    {
        vm.assume(other != key);
        uint256 before = registry.nonces(signer, other);
        NodeRegistry.Details memory details = NodeRegistry.Details("eu-west", 2, keccak256("caps 2"), ENDPOINT);
        NodeRegistry.Approval memory approval =
            NodeRegistry.Approval(uint256(key) << 64 | count, BEGIN, abi.encodePacked(r, s, v));

        registry.updateFor(nodeId, details, approval);

        assert(registry.nonces(signer, key) == (uint256(key) << 64 | count) + 1);
        assert(registry.nonces(signer, other) == before);
        try registry.updateFor(nodeId, details, approval) {
            assert(false);
        } catch {}
    }

    /// Nothing is done after the deadline of its approval.
    function check_deadlinesHold(uint256 nonce, uint40 deadline, uint40 later, bytes32 r, bytes32 s, uint8 v) external {
        vm.assume(later > deadline);
        vm.warp(later);
        NodeRegistry.Details memory details = NodeRegistry.Details("eu-west", 2, keccak256("caps 2"), ENDPOINT);
        try registry.updateFor(
            nodeId, details, NodeRegistry.Approval(nonce, deadline, abi.encodePacked(r, s, v))
        ) {
            assert(false);
        } catch {}
    }

    /// A key speaks for its node from its registration until the node leaves, at no other time and for no other node.
    function check_aKeySpeaksForItsNodeWhileItIsThere(uint32 stay, uint64 time, uint256 other) external {
        vm.warp(BEGIN + stay);
        vm.assume(other != nodeId);
        assert(registry.spokeFor(signer, nodeId, time) == (time >= BEGIN));
        registry.deregister(nodeId);
        assert(registry.spokeFor(signer, nodeId, time) == (time >= BEGIN && time <= BEGIN + stay));
        assert(!registry.spokeFor(signer, other, time));
        assert(registry.nodeOf(signer) == 0);
    }

    /// A key whose node left serves another one after its rest, not before.
    function check_aRetiredKeyRests(uint32 stay, uint32 rest) external {
        vm.warp(BEGIN + stay);
        registry.deregister(nodeId);
        vm.warp(BEGIN + uint256(stay) + rest);
        uint256 next = register();
        assert(rest > 14 days && registry.nodeOf(signer) == next);
        assert(registry.keysOf(next).status == INodeRegistry.Status.Active);
    }

    /// Whoever is neither the owner nor the signer changes nothing of a node.
    function check_othersChangeNothing(address sender, uint8 what) external {
        vm.assume(sender != address(0) && sender != address(this) && sender != signer); // nobody sends from zero
        NodeRegistry.Details memory details = NodeRegistry.Details("eu-west", 2, keccak256("caps 2"), ENDPOINT);
        bytes memory data = what == 0 ? abi.encodeCall(registry.deregister, nodeId)
            : what == 1 ? abi.encodeCall(registry.update, (nodeId, details))
            : what == 2 ? abi.encodeCall(registry.changePayee, (nodeId, sender))
            : what == 3 ? abi.encodeCall(registry.offerOwner, (nodeId, sender))
            : what == 4 ? abi.encodeCall(registry.acceptOwner, nodeId)
            : abi.encodeCall(registry.resume, nodeId);
        vm.prank(sender);
        (bool done,) = address(registry).call(data);
        assert(!done);
    }
}
