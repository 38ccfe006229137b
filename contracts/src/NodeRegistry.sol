// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {INodeRegistry} from "./INodeRegistry.sol";

/// @title Who the media nodes are and where they answer
/// @notice A node has three keys: the owner (cold, may be an ERC-1271 contract), the signer (hot, a plain key on
/// the node) and the payee. The signer can move neither stake nor payee. A node id is a number, never a token.
contract NodeRegistry is INodeRegistry, EIP712, NoncesKeyed, AccessManaged {
    /// What an owner says of a node when registering it.
    struct Registration {
        address signer;
        address payee;
        bytes8 region;
        uint32 version;
        bytes32 capsHash;
        string endpoint;
    }

    /// What the node may change itself.
    struct Details {
        bytes8 region;
        uint32 version;
        bytes32 capsHash;
        string endpoint;
    }

    /// A signature with its keyed nonce (upper 192 bits: key) and the last second at which it is good.
    struct Approval {
        uint256 nonce;
        uint256 deadline;
        bytes signature;
    }

    /// A node as it is kept. Leaving writes one word of it.
    struct Record {
        address owner;
        Status status;
        uint32 revision;
        uint40 goneAt; // when its signer ceased to speak for it; 0 while it is live
        address signer;
        bytes8 region;
        uint32 version;
        address payee;
        uint32 reputationEpoch;
        bytes32 capsHash;
        string endpoint;
    }

    /// Which node a signer spoke for, and when. `until` is 0 while it still does, and when the node left with it.
    struct Binding {
        uint128 nodeId;
        uint64 since;
        uint64 until;
    }

    /// A change of owner or payee that waits for its time.
    struct Change {
        address to;
        uint64 effective;
    }

    struct Parameters {
        uint32 changeDelay; // seconds before a new owner or payee counts
        uint32 signerRest; // seconds before a retired signer may serve another node; above Staking's evidenceAge
    }

    bytes32 public constant REGISTER_TYPEHASH = keccak256(
        "Register(address owner,address signer,address payee,bytes8 region,uint32 version,bytes32 capsHash,"
        "string endpoint,uint256 nonce,uint256 deadline)"
    );
    bytes32 public constant SIGNER_CONSENT_TYPEHASH =
        keccak256("SignerConsent(address owner,address signer,uint256 nonce,uint256 deadline)");
    bytes32 public constant UPDATE_TYPEHASH = keccak256(
        "Update(uint256 nodeId,bytes8 region,uint32 version,bytes32 capsHash,string endpoint,uint256 nonce,"
        "uint256 deadline)"
    );
    bytes32 public constant ROTATE_TYPEHASH =
        keccak256("Rotate(uint256 nodeId,address signer,uint256 nonce,uint256 deadline)");
    bytes32 public constant DEREGISTER_TYPEHASH =
        keccak256("Deregister(uint256 nodeId,uint256 nonce,uint256 deadline)");

    uint256 public constant MAX_ENDPOINT_BYTES = 128;
    uint32 public constant MAX_DELAY = 30 days;

    /// Ids run from 1 to this one.
    uint256 public lastNodeId;
    Parameters public parameters;

    mapping(uint256 nodeId => Record) private _nodes;
    mapping(address signer => Binding) private _bindings;
    mapping(uint256 nodeId => Change) public ownerOffers;
    mapping(uint256 nodeId => Change) public payeeChanges;

    event Registered(uint256 indexed nodeId, address indexed owner, address indexed signer, address payee);
    event Updated(
        uint256 indexed nodeId, uint32 revision, bytes8 region, uint32 version, bytes32 capsHash, string endpoint
    );
    event SignerRotated(uint256 indexed nodeId, address indexed previous, address indexed signer);
    event OwnerOffered(uint256 indexed nodeId, address indexed to, uint64 effective);
    event OwnerChanged(uint256 indexed nodeId, address indexed previous, address indexed owner);
    event PayeeChanging(uint256 indexed nodeId, address indexed to, uint64 effective);
    event Suspended(uint256 indexed nodeId, bytes32 reason);
    event Resumed(uint256 indexed nodeId);
    event Deregistered(uint256 indexed nodeId);
    event ParametersSet(Parameters parameters);

    error UnknownNode(uint256 nodeId);
    error NodeGone(uint256 nodeId);
    error NotOwner(uint256 nodeId, address caller);
    error NotNode(uint256 nodeId, address caller);
    error NotOffered(uint256 nodeId, address caller);
    error TooEarly(uint64 effective);
    error SignerTaken(address signer, uint256 nodeId);
    error ZeroAddress();
    error KeysNotSeparate(address signer);
    error BadEndpoint(string endpoint);
    error BadSignature(address expected);
    error Expired(uint256 deadline);
    error WrongStatus(uint256 nodeId, Status status);
    error BadParameters();

    constructor(address authority, Parameters memory initial)
        EIP712("MediaNodeRegistry", "1")
        AccessManaged(authority)
    {
        _setParameters(initial);
    }

    // --- registration ----------------------------------------------------------------------------------------------

    /// @notice Registers a node for the caller; the signer's consent names the caller.
    function register(Registration calldata node, Approval calldata consent) external returns (uint256 nodeId) {
        return _register(msg.sender, node, consent);
    }

    /// @notice The same for an owner who signed `Register`; whoever sends it pays the gas.
    function registerFor(
        address owner,
        Registration calldata node,
        Approval calldata approval,
        Approval calldata consent
    ) external returns (uint256 nodeId) {
        bytes32 structHash = keccak256(
            abi.encode(
                REGISTER_TYPEHASH,
                owner,
                node.signer,
                node.payee,
                node.region,
                node.version,
                node.capsHash,
                keccak256(bytes(node.endpoint)),
                approval.nonce,
                approval.deadline
            )
        );
        _useOwnerApproval(owner, structHash, approval);
        return _register(owner, node, consent);
    }

    /// @notice Ends a node. Its stake and rewards stay with the owner and the payee; the id is never used again.
    function deregister(uint256 nodeId) external {
        _onlyOwner(nodeId);
        _deregister(nodeId);
    }

    /// @notice The same for an owner who signed `Deregister`.
    function deregisterFor(uint256 nodeId, Approval calldata approval) external {
        bytes32 structHash = keccak256(abi.encode(DEREGISTER_TYPEHASH, nodeId, approval.nonce, approval.deadline));
        _useOwnerApproval(_live(nodeId).owner, structHash, approval);
        _deregister(nodeId);
    }

    // --- what the node says of itself ------------------------------------------------------------------------------

    /// @notice Sets where the node answers and what it can do; by its signer or its owner.
    function update(uint256 nodeId, Details calldata details) external {
        _onlyNode(nodeId);
        _update(nodeId, details);
    }

    /// @notice The same for a signer that signed `Update`.
    function updateFor(uint256 nodeId, Details calldata details, Approval calldata approval) external {
        bytes32 structHash = keccak256(
            abi.encode(
                UPDATE_TYPEHASH,
                nodeId,
                details.region,
                details.version,
                details.capsHash,
                keccak256(bytes(details.endpoint)),
                approval.nonce,
                approval.deadline
            )
        );
        _useSignerApproval(_live(nodeId).signer, structHash, approval);
        _update(nodeId, details);
    }

    /// @notice Takes a node off the list until it reports back; by the watchers of liveness.
    function suspend(uint256 nodeId, bytes32 reason) external restricted {
        _move(nodeId, Status.Active, Status.Suspended);
        emit Suspended(nodeId, reason);
    }

    /// @notice Puts a suspended node back on the list; by its signer or its owner.
    function resume(uint256 nodeId) external {
        _onlyNode(nodeId);
        _move(nodeId, Status.Suspended, Status.Active);
        emit Resumed(nodeId);
    }

    // --- keys ------------------------------------------------------------------------------------------------------

    /// @notice Replaces the hot key at once; by the owner, with the new key's consent.
    function rotate(uint256 nodeId, address signer, Approval calldata consent) external {
        _onlyOwner(nodeId);
        _rotate(nodeId, signer, consent);
    }

    /// @notice The same for an owner who signed `Rotate`.
    function rotateFor(uint256 nodeId, address signer, Approval calldata approval, Approval calldata consent)
        external
    {
        bytes32 structHash =
            keccak256(abi.encode(ROTATE_TYPEHASH, nodeId, signer, approval.nonce, approval.deadline));
        _useOwnerApproval(_live(nodeId).owner, structHash, approval);
        _rotate(nodeId, signer, consent);
    }

    /// @notice Announces another payee, good after `changeDelay`; the present payee withdraws an announcement.
    function changePayee(uint256 nodeId, address payee) external {
        Record storage node = _onlyOwner(nodeId);
        if (payee == address(0)) revert ZeroAddress();
        if (payee == node.signer) revert KeysNotSeparate(payee);
        node.payee = payeeOf(nodeId);
        uint64 effective = _effective();
        payeeChanges[nodeId] = Change(payee, effective);
        emit PayeeChanging(nodeId, payee, effective);
    }

    /// @notice Offers the node to another owner, who can accept after `changeDelay`; the zero address withdraws it.
    function offerOwner(uint256 nodeId, address to) external {
        _onlyOwner(nodeId);
        uint64 effective = _effective();
        ownerOffers[nodeId] = Change(to, effective);
        emit OwnerOffered(nodeId, to, effective);
    }

    /// @notice Takes over an offered node. Reputation starts anew and rewards go to the new owner.
    function acceptOwner(uint256 nodeId) external {
        Change memory offer = ownerOffers[nodeId];
        if (offer.to != msg.sender) revert NotOffered(nodeId, msg.sender);
        if (block.timestamp < offer.effective) revert TooEarly(offer.effective);
        Record storage node = _nodes[nodeId];
        if (node.signer == msg.sender) revert KeysNotSeparate(msg.sender);
        address previous = node.owner;
        delete ownerOffers[nodeId];
        delete payeeChanges[nodeId];
        node.owner = msg.sender;
        node.payee = msg.sender;
        ++node.reputationEpoch;
        emit OwnerChanged(nodeId, previous, msg.sender);
    }

    /// @notice Sets the delays; through the timelock.
    function setParameters(Parameters calldata next) external restricted {
        _setParameters(next);
    }

    // --- reads -----------------------------------------------------------------------------------------------------

    /// @notice The whole record, with the payee that counts now; all zero for an unknown id.
    function nodes(uint256 nodeId) external view returns (Node memory node) {
        Record storage kept = _nodes[nodeId];
        node.owner = kept.owner;
        node.status = kept.status;
        node.revision = kept.revision;
        node.reputationEpoch = kept.reputationEpoch;
        node.signer = kept.signer;
        node.region = kept.region;
        node.version = kept.version;
        node.payee = payeeOf(nodeId);
        node.capsHash = kept.capsHash;
        node.endpoint = kept.endpoint;
    }

    /// @notice Which node a signer spoke for last, and when (seconds since 1970); `until` is 0 while it still does.
    function bindings(address signer) external view returns (uint128 nodeId, uint64 since, uint64 until) {
        Binding memory binding = _bindingOf(signer);
        return (binding.nodeId, binding.since, binding.until);
    }

    /// @notice The node that a signer speaks for now, or 0.
    function nodeOf(address signer) external view returns (uint256 nodeId) {
        Binding memory binding = _bindingOf(signer);
        return binding.until > 0 ? 0 : binding.nodeId;
    }

    /// @inheritdoc INodeRegistry
    function keysOf(uint256 nodeId) external view returns (Keys memory) {
        Record storage node = _nodes[nodeId];
        return Keys(node.owner, node.signer, node.status);
    }

    /// @inheritdoc INodeRegistry
    function spokeFor(address signer, uint256 nodeId, uint64 time) external view returns (bool) {
        Binding memory binding = _bindingOf(signer);
        if (binding.nodeId != nodeId || time < binding.since) return false;
        return binding.until > 0 ? time <= binding.until : true;
    }

    /// @notice The payee that counts now.
    function payeeOf(uint256 nodeId) public view returns (address) {
        Change memory change = payeeChanges[nodeId];
        bool due = change.to != address(0) && block.timestamp >= change.effective;
        return due ? change.to : _nodes[nodeId].payee;
    }

    /// @notice The EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // --- inside ----------------------------------------------------------------------------------------------------

    function _register(address owner, Registration calldata registration, Approval calldata consent)
        private
        returns (uint256 nodeId)
    {
        if (registration.payee == address(0)) revert ZeroAddress();
        _checkEndpoint(registration.endpoint);
        nodeId = ++lastNodeId;
        Record storage node = _nodes[nodeId];
        node.owner = owner;
        node.status = Status.Active;
        node.revision = 1;
        node.payee = registration.payee;
        node.region = registration.region;
        node.version = registration.version;
        node.capsHash = registration.capsHash;
        node.endpoint = registration.endpoint;
        _bind(nodeId, owner, registration.signer, consent);
        emit Registered(nodeId, owner, registration.signer, registration.payee);
        emit Updated(
            nodeId,
            1,
            registration.region,
            registration.version,
            registration.capsHash,
            registration.endpoint
        );
    }

    function _update(uint256 nodeId, Details calldata details) private {
        _checkEndpoint(details.endpoint);
        Record storage node = _nodes[nodeId];
        uint32 revision = ++node.revision;
        node.region = details.region;
        node.version = details.version;
        node.capsHash = details.capsHash;
        node.endpoint = details.endpoint;
        emit Updated(nodeId, revision, details.region, details.version, details.capsHash, details.endpoint);
    }

    function _rotate(uint256 nodeId, address signer, Approval calldata consent) private {
        Record storage node = _live(nodeId);
        address previous = node.signer;
        _bindings[previous].until = uint64(block.timestamp);
        _bind(nodeId, node.owner, signer, consent);
        emit SignerRotated(nodeId, previous, signer);
    }

    function _deregister(uint256 nodeId) private {
        Record storage node = _live(nodeId);
        node.status = Status.Gone;
        node.goneAt = uint40(block.timestamp);
        delete node.capsHash;
        delete node.endpoint;
        emit Deregistered(nodeId);
    }

    /// Binds a signer that agrees. One key speaks for one node at a time, and a retired one rests before it serves
    /// another, so that evidence against it stays good for as long as it can be used.
    function _bind(uint256 nodeId, address owner, address signer, Approval calldata consent) private {
        bool paid = signer == _nodes[nodeId].payee || signer == payeeChanges[nodeId].to;
        if (signer == owner || paid) revert KeysNotSeparate(signer);
        Binding memory binding = _bindingOf(signer);
        // slither-disable-next-line incorrect-equality (ids are compared; the record also holds times)
        bool same = binding.nodeId == nodeId;
        if (binding.nodeId != 0) {
            bool own = same && binding.until != 0;
            bool rested = binding.until != 0 && block.timestamp > binding.until + parameters.signerRest;
            if (!own && !rested) revert SignerTaken(signer, binding.nodeId);
        }
        bytes32 structHash =
            keccak256(abi.encode(SIGNER_CONSENT_TYPEHASH, owner, signer, consent.nonce, consent.deadline));
        _useSignerApproval(signer, structHash, consent);
        uint64 since = same ? binding.since : uint64(block.timestamp);
        _bindings[signer] = Binding(uint128(nodeId), since, 0);
        _nodes[nodeId].signer = signer;
    }

    function _bindingOf(address signer) private view returns (Binding memory binding) {
        binding = _bindings[signer];
        if (binding.until > 0) return binding;
        if (binding.nodeId != 0) binding.until = _nodes[binding.nodeId].goneAt;
    }

    function _move(uint256 nodeId, Status from, Status to) private {
        Status status = _nodes[nodeId].status;
        if (status != from) revert WrongStatus(nodeId, status);
        _nodes[nodeId].status = to;
    }

    function _setParameters(Parameters memory next) private {
        if (next.changeDelay > MAX_DELAY || next.signerRest > MAX_DELAY) revert BadParameters();
        parameters = next;
        emit ParametersSet(next);
    }

    /// An owner may be a contract (ERC-1271).
    function _useOwnerApproval(address owner, bytes32 structHash, Approval calldata approval) private {
        if (block.timestamp > approval.deadline) revert Expired(approval.deadline);
        _useCheckedNonce(owner, approval.nonce);
        bytes32 digest = _hashTypedDataV4(structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(owner, digest, approval.signature)) {
            revert BadSignature(owner);
        }
    }

    /// A signer is a plain key: 65 bytes, low s, v 27 or 28.
    function _useSignerApproval(address signer, bytes32 structHash, Approval calldata approval) private {
        if (block.timestamp > approval.deadline) revert Expired(approval.deadline);
        _useCheckedNonce(signer, approval.nonce);
        // slither-disable-next-line unused-return (the third value only details the problem)
        (address recovered, ECDSA.RecoverError problem,) =
            ECDSA.tryRecoverCalldata(_hashTypedDataV4(structHash), approval.signature);
        if (problem != ECDSA.RecoverError.NoError || recovered != signer) revert BadSignature(signer);
    }

    function _effective() private view returns (uint64) {
        return uint64(block.timestamp) + parameters.changeDelay;
    }

    function _live(uint256 nodeId) private view returns (Record storage node) {
        node = _nodes[nodeId];
        if (node.status == Status.None) revert UnknownNode(nodeId);
        if (node.status == Status.Gone) revert NodeGone(nodeId);
    }

    function _onlyOwner(uint256 nodeId) private view returns (Record storage node) {
        node = _nodes[nodeId];
        if (node.owner != msg.sender) revert NotOwner(nodeId, msg.sender);
    }

    function _onlyNode(uint256 nodeId) private view {
        Record storage node = _live(nodeId);
        if (node.owner != msg.sender && node.signer != msg.sender) revert NotNode(nodeId, msg.sender);
    }

    /// Scheme and length only; names and addresses are judged by who dials.
    function _checkEndpoint(string calldata endpoint) private pure {
        bytes calldata text = bytes(endpoint);
        bool https = text.length > 8 && bytes8(text) == "https://";
        bool wss = text.length > 6 && bytes6(text) == "wss://";
        if (text.length > MAX_ENDPOINT_BYTES || !(https || wss)) revert BadEndpoint(endpoint);
    }
}
