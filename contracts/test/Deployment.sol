// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {INodeRegistry} from "../src/INodeRegistry.sol";
import {EpochReports} from "../src/EpochReports.sol";
import {MediaToken} from "../src/MediaToken.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {Staking} from "../src/Staking.sol";
import {vm} from "./Vm.sol";

/// @title All contracts, wired as the README says
abstract contract Deployment {
    uint64 internal constant GUARDIAN = 1;
    uint64 internal constant SLASHER = 2;
    uint64 internal constant WATCHER = 3;
    uint32 internal constant TIMELOCK = 2 days;

    uint256 internal constant OWNER_KEY = 0xA11CE;
    uint256 internal constant SIGNER_KEY = 0x51641E2;
    uint64 internal constant EPOCH = 1 hours;
    uint256 internal constant START = 1_800_000_000;
    uint128 internal constant EMISSION_CAP = 1_000 ether;
    string internal constant ENDPOINT = "https://node-1.example.org";

    address internal owner = vm.addr(OWNER_KEY);
    address internal signer = vm.addr(SIGNER_KEY);
    address internal payee = address(0xFEE);
    address internal admin = address(0xAD);
    address internal guardian = address(0x6A);
    address internal slasher = address(0x51A);
    address internal watcher = address(0x3A7C);
    address internal treasury = address(0x7EA);
    address internal relayer = address(0x3E1A);
    address[] internal reporters = [address(0x101), address(0x102), address(0x103)];

    AccessManager internal manager;
    MediaToken internal token;
    NodeRegistry internal registry;
    Staking internal staking;
    EpochReports internal reports;

    function deployAll() internal {
        vm.warp(START);
        manager = AccessManager(create("AccessManager", abi.encode(address(this))));
        token = MediaToken(create("MediaToken", abi.encode(address(this), 1_000_000_000 ether)));
        registry = createRegistry(NodeRegistry.Parameters(1 days, 14 days));
        staking = createStaking(registry, token, treasury, stakingParameters());
        reports = createReports(EPOCH, reporters, EpochReports.Parameters(EMISSION_CAP, 6 hours, 2));
        _allow(address(registry), NodeRegistry.suspend.selector, WATCHER);
        _allow(address(staking), Staking.proposeSlash.selector, SLASHER);
        _allow(address(staking), Staking.cancelSlash.selector, GUARDIAN);
        _allow(address(reports), EpochReports.veto.selector, GUARDIAN);
        manager.grantRole(WATCHER, watcher, 0);
        manager.grantRole(SLASHER, slasher, 0);
        manager.grantRole(GUARDIAN, guardian, 0);
        manager.grantRole(manager.ADMIN_ROLE(), admin, TIMELOCK);
        manager.renounceRole(manager.ADMIN_ROLE(), address(this));
    }

    // --- the shipped bytecode --------------------------------------------------------------------------------------

    function createRegistry(NodeRegistry.Parameters memory parameters) internal returns (NodeRegistry) {
        return NodeRegistry(create("NodeRegistry", abi.encode(manager, parameters)));
    }

    function createStaking(
        INodeRegistry registry_,
        IERC20 token_,
        address treasury_,
        Staking.Parameters memory parameters
    ) internal returns (Staking) {
        return Staking(create("Staking", abi.encode(manager, registry_, token_, treasury_, parameters)));
    }

    function createReports(uint64 length, address[] memory chosen, EpochReports.Parameters memory parameters)
        internal
        returns (EpochReports)
    {
        return EpochReports(create("EpochReports", abi.encode(manager, token, length, chosen, parameters)));
    }

    function create(string memory name, bytes memory arguments) internal returns (address deployed) {
        string memory path = vm.envOr("MEDIANODE_FROM_SOURCES", false)
            ? string.concat(name, ".sol:", name)
            : string.concat("../python/medianode/wallet/artifacts/", name, ".json");
        bytes memory code = bytes.concat(vm.getCode(path), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
            if iszero(deployed) {
                returndatacopy(code, 0, returndatasize())
                revert(code, returndatasize())
            }
        }
    }

    // --- wiring ----------------------------------------------------------------------------------------------------

    function stakingParameters() internal pure returns (Staking.Parameters memory) {
        return Staking.Parameters({
            minimumBond: 1_000 ether,
            unbondingTime: 14 days,
            evidenceAge: 7 days,
            appealWindow: 3 days,
            jailTime: 2 days,
            offenceCapBps: 500,
            periodCapBps: 1_000
        });
    }

    /// Calls as the admin, through the timelock.
    function throughTimelock(address target, bytes memory data) internal {
        vm.prank(admin);
        manager.schedule(target, data, 0);
        vm.warp(block.timestamp + TIMELOCK);
        vm.prank(admin);
        manager.execute(target, data);
    }

    function _allow(address target, bytes4 selector, uint64 role) private {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(target, selectors, role);
    }

    // --- signatures ------------------------------------------------------------------------------------------------

    function signDigest(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function registryDigest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", registry.domainSeparator(), structHash));
    }

    function approve(uint256 key, bytes32 structHash, uint256 nonce, uint256 deadline)
        internal
        view
        returns (NodeRegistry.Approval memory)
    {
        return NodeRegistry.Approval(nonce, deadline, signDigest(key, registryDigest(structHash)));
    }

    function consent(uint256 signerKey, address owner_) internal view returns (NodeRegistry.Approval memory) {
        address signer_ = vm.addr(signerKey);
        uint256 nonce = registry.nonces(signer_, 0);
        uint256 deadline = block.timestamp + 1 hours;
        bytes32 structHash =
            keccak256(abi.encode(registry.SIGNER_CONSENT_TYPEHASH(), owner_, signer_, nonce, deadline));
        return approve(signerKey, structHash, nonce, deadline);
    }

    function registerHash(
        address owner_,
        NodeRegistry.Registration memory registration,
        uint256 nonce,
        uint256 deadline
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                registry.REGISTER_TYPEHASH(),
                owner_,
                registration.signer,
                registration.payee,
                registration.region,
                registration.version,
                registration.capsHash,
                keccak256(bytes(registration.endpoint)),
                nonce,
                deadline
            )
        );
    }

    // --- nodes -----------------------------------------------------------------------------------------------------

    function registrationOf(address signer_) internal view returns (NodeRegistry.Registration memory) {
        return NodeRegistry.Registration(signer_, payee, "eu-west", 0x00010203, keccak256("caps"), ENDPOINT);
    }

    function registerNode() internal returns (uint256 nodeId) {
        return registerNode(owner, SIGNER_KEY);
    }

    function registerNode(address owner_, uint256 signerKey) internal returns (uint256 nodeId) {
        NodeRegistry.Approval memory agreed = consent(signerKey, owner_);
        NodeRegistry.Registration memory registration = registrationOf(vm.addr(signerKey));
        vm.prank(owner_);
        return registry.register(registration, agreed);
    }

    function statusOf(uint256 nodeId) internal view returns (INodeRegistry.Status) {
        return registry.keysOf(nodeId).status;
    }

    /// Gives the owner tokens and bonds them.
    function bondNode(uint256 nodeId, uint256 amount) internal {
        token.transfer(owner, amount);
        vm.startPrank(owner);
        token.approve(address(staking), amount);
        staking.bond(nodeId, amount);
        vm.stopPrank();
    }
}

/// @title A test that begins with all contracts deployed
abstract contract DeployedTest is Deployment {
    function setUp() public virtual {
        deployAll();
    }
}
