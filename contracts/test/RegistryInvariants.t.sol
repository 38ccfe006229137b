// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {INodeRegistry} from "../src/INodeRegistry.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {Deployment} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title A few people with a few keys who register, rotate, sell and leave, in any order
contract RegistryActors is Deployment {
    uint256 private constant KEYS = 6;

    uint256 private _time = START;

    modifier atItsTime() {
        vm.warp(_time);
        _;
    }

    constructor() {
        deployAll();
    }

    function theRegistry() external view returns (NodeRegistry) {
        return registry;
    }

    function person(uint256 seed) private pure returns (address) {
        return vm.addr(keyOf(seed));
    }

    function keyOf(uint256 seed) private pure returns (uint256) {
        return 0xBEEF + seed % KEYS;
    }

    function node(uint256 seed) private view returns (uint256 nodeId, address owner_) {
        nodeId = 1 + seed % (registry.lastNodeId() + 1);
        owner_ = registry.keysOf(nodeId).owner;
    }

    function wait(uint256 seconds_) external {
        _time += seconds_ % 10 days;
        vm.warp(_time);
    }

    function register(uint256 ownerSeed, uint256 signerSeed, uint256 payeeSeed) external atItsTime {
        address owner_ = person(ownerSeed);
        NodeRegistry.Approval memory agreed = consent(keyOf(signerSeed), owner_);
        NodeRegistry.Registration memory registration = registrationOf(person(signerSeed));
        registration.payee = person(payeeSeed);
        vm.prank(owner_);
        try registry.register(registration, agreed) {} catch {}
    }

    function rotate(uint256 nodeSeed, uint256 signerSeed) external atItsTime {
        (uint256 nodeId, address owner_) = node(nodeSeed);
        NodeRegistry.Approval memory agreed = consent(keyOf(signerSeed), owner_);
        vm.prank(owner_);
        try registry.rotate(nodeId, person(signerSeed), agreed) {} catch {}
    }

    function changePayee(uint256 nodeSeed, uint256 payeeSeed) external atItsTime {
        (uint256 nodeId, address owner_) = node(nodeSeed);
        vm.prank(owner_);
        try registry.changePayee(nodeId, person(payeeSeed)) {} catch {}
    }

    function sell(uint256 nodeSeed, uint256 buyerSeed) external atItsTime {
        (uint256 nodeId, address owner_) = node(nodeSeed);
        vm.prank(owner_);
        try registry.offerOwner(nodeId, person(buyerSeed)) {} catch {}
    }

    function buy(uint256 nodeSeed, uint256 buyerSeed) external atItsTime {
        (uint256 nodeId,) = node(nodeSeed);
        vm.prank(person(buyerSeed));
        try registry.acceptOwner(nodeId) {} catch {}
    }

    function deregister(uint256 nodeSeed) external atItsTime {
        (uint256 nodeId, address owner_) = node(nodeSeed);
        if (nodeSeed % 3 != 0) return;
        vm.prank(owner_);
        try registry.deregister(nodeId) {} catch {}
    }
}

/// @title A key speaks for one node, and is neither its owner nor its payee
contract RegistryInvariants {
    RegistryActors private actors;

    function setUp() public {
        actors = new RegistryActors();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_keysAreSeparateAndSpeakForOneNode() external view {
        NodeRegistry registry = actors.theRegistry();
        uint256 last = registry.lastNodeId();
        for (uint256 nodeId = 1; nodeId <= last; ++nodeId) {
            INodeRegistry.Keys memory keys = registry.keysOf(nodeId);
            bool live = keys.status != INodeRegistry.Status.Gone;
            vm.assertTrue((registry.nodeOf(keys.signer) == nodeId) == live, "the signer of a live node speaks for it");
            vm.assertTrue(!live || keys.signer != keys.owner, "the signer is not the owner");
            vm.assertTrue(!live || keys.signer != registry.payeeOf(nodeId), "the signer is not the payee");
        }
    }
}
