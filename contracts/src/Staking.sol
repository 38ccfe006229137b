// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {INodeRegistry} from "./INodeRegistry.sol";
import {QosEvidence} from "./QosEvidence.sol";

/// @title Bonds of nodes: queueing out, slashing with appeal, jail with a way out
/// @notice Slashed are signed contradictions only; poor quality lowers rewards, never a bond. For each node
/// bonded + unbonding + withdrawn + slashed = deposited.
contract Staking is QosEvidence, AccessManaged, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    uint256 public constant MAX_UNBONDINGS = 8;
    uint256 public constant SLASH_PERIOD = 1 days;
    uint256 private constant BPS = 10_000;

    /// Part of a bond on its way out.
    struct Unbonding {
        uint96 amount;
        uint40 unlockTime;
    }

    struct Account {
        uint96 bonded;
        uint96 unbonding; // sum of the entries
        uint40 jailedUntil; // 0 when not jailed
        uint8 entryCount;
        uint8 pendingSlashes; // while above 0 nothing is withdrawn
        Unbonding[MAX_UNBONDINGS] entries; // oldest first
    }

    /// What may still be slashed of a node in one period.
    struct Budget {
        uint40 period; // days since 1970
        uint96 spent;
        uint96 limit;
    }

    enum SlashState {
        None,
        Pending,
        Appealed,
        Executed,
        Cancelled
    }

    struct Slash {
        uint64 nodeId;
        uint96 amount;
        SlashState state;
        uint40 executableAt;
        uint40 period; // of the budget that it was taken from
        bytes32 evidence;
    }

    struct Parameters {
        uint96 minimumBond; // below it a node is not listed
        uint32 unbondingTime; // 7 to 21 days
        uint32 evidenceAge; // seconds for which a report can be held against its node; below unbondingTime
        uint32 appealWindow; // seconds between the proposal of a slash and its execution
        uint32 jailTime; // seconds
        uint16 offenceCapBps; // most of a stake that one offence takes, 1/10000
        uint16 periodCapBps; // most of a stake that one day takes, 1/10000
    }

    IERC20 public immutable token;
    /// Where slashed bonds go.
    address public immutable treasury;

    Parameters public parameters;
    uint256 public lastSlashId;

    mapping(uint256 nodeId => Account) private _accounts;
    mapping(uint256 nodeId => Budget) public budgets;
    mapping(uint256 slashId => Slash) public slashes;
    /// Whether the reports of a node for an epoch have been punished.
    mapping(uint256 nodeId => mapping(uint64 epoch => bool)) public punished;

    event Bonded(uint256 indexed nodeId, address indexed from, uint256 amount);
    event Unbonded(uint256 indexed nodeId, uint256 amount, uint256 unlockTime);
    event Withdrawn(uint256 indexed nodeId, address indexed owner, uint256 amount);
    event SlashProposed(
        uint256 indexed slashId, uint256 indexed nodeId, uint256 amount, bytes32 evidence, uint256 executableAt
    );
    event SlashAppealed(uint256 indexed slashId, uint256 indexed nodeId, bytes32 statement, uint256 executableAt);
    event SlashCancelled(uint256 indexed slashId, uint256 indexed nodeId);
    event Slashed(uint256 indexed slashId, uint256 indexed nodeId, uint256 amount, uint256 jailedUntil);
    event Unjailed(uint256 indexed nodeId);
    event ParametersSet(Parameters parameters);

    error ZeroAddress();
    error ZeroAmount();
    error NodeNotLive(uint256 nodeId);
    error SignerMayNotBond(uint256 nodeId);
    error InexactTransfer(uint256 expected, uint256 received);
    error NotOwner(uint256 nodeId, address caller);
    error NotNode(uint256 nodeId, address caller);
    error NotEnoughBonded(uint256 nodeId, uint256 bonded);
    error TooManyUnbondings(uint256 nodeId);
    error NothingToWithdraw(uint256 nodeId);
    error SlashPending(uint256 nodeId);
    error AboveCap(uint256 nodeId, uint256 cap);
    error AlreadyPunished(uint256 nodeId, uint64 epoch);
    error EvidenceTooOld(uint64 end);
    error WrongSlashState(uint256 slashId, SlashState state);
    error TooEarly(uint256 time);
    error NotJailed(uint256 nodeId);
    error BadParameters();

    constructor(
        address authority,
        INodeRegistry registry_,
        IERC20 token_,
        address treasury_,
        Parameters memory initial
    ) QosEvidence(registry_) AccessManaged(authority) {
        if (address(registry_) == address(0) || address(token_) == address(0) || treasury_ == address(0)) {
            revert ZeroAddress();
        }
        token = token_;
        treasury = treasury_;
        _setParameters(initial);
    }

    // --- bond ------------------------------------------------------------------------------------------------------

    /// @notice Bonds tokens of the caller for a node. Anybody but its hot key may; they belong to its owner then.
    function bond(uint256 nodeId, uint256 amount) external nonReentrant {
        _bond(nodeId, amount);
    }

    /// @notice The same with the caller's ERC-2612 permit instead of an earlier approval.
    function bondWithPermit(uint256 nodeId, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        // Somebody may have sent the permit before us: then it fails here, and the allowance decides.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _bond(nodeId, amount);
    }

    /// @notice Sends part of a bond to the way out, by the owner; it stays slashable until withdrawn.
    function unbond(uint256 nodeId, uint256 amount) external {
        _onlyOwner(nodeId);
        if (amount == 0) revert ZeroAmount();
        Account storage account = _accounts[nodeId];
        uint96 bonded = account.bonded;
        if (amount > bonded) revert NotEnoughBonded(nodeId, bonded);
        uint8 count = account.entryCount;
        if (count == MAX_UNBONDINGS) revert TooManyUnbondings(nodeId);
        uint96 part = uint96(amount);
        uint40 unlockTime = uint40(block.timestamp + parameters.unbondingTime);
        account.bonded = bonded - part;
        account.unbonding += part;
        account.entryCount = count + 1;
        account.entries[count] = Unbonding(part, unlockTime);
        emit Unbonded(nodeId, amount, unlockTime);
    }

    /// @notice Pays what has waited long enough to the owner; anybody may send it.
    function withdraw(uint256 nodeId) external nonReentrant returns (uint256 amount) {
        Account storage account = _accounts[nodeId];
        if (account.pendingSlashes != 0) revert SlashPending(nodeId);
        amount = _takeUnlocked(account);
        if (amount == 0) revert NothingToWithdraw(nodeId);
        address owner = registry.keysOf(nodeId).owner;
        emit Withdrawn(nodeId, owner, amount);
        token.safeTransfer(owner, amount);
    }

    // --- slashing --------------------------------------------------------------------------------------------------

    /// @notice Proves that a node signed two different reports for one epoch; anybody may. Proposes the full cap.
    function proveContradiction(
        QosReport calldata a,
        bytes calldata signatureA,
        QosReport calldata b,
        bytes calldata signatureB
    ) external returns (uint256 slashId) {
        _checkContradiction(a, signatureA, b, signatureB);
        uint64 end = a.end < b.end ? a.end : b.end;
        if (block.timestamp > uint256(end) + parameters.evidenceAge) revert EvidenceTooOld(end);
        if (punished[a.nodeId][a.epoch]) revert AlreadyPunished(a.nodeId, a.epoch);
        punished[a.nodeId][a.epoch] = true;
        bytes32 evidence = keccak256(abi.encode(reportDigest(a), reportDigest(b)));
        return _propose(a.nodeId, slashable(a.nodeId), evidence);
    }

    /// @notice Proposes a slash for a contradiction that no contract can check; `evidence` hashes what is published.
    function proposeSlash(uint256 nodeId, uint256 amount, bytes32 evidence)
        external
        restricted
        returns (uint256 slashId)
    {
        uint256 cap = slashable(nodeId);
        if (amount > cap) revert AboveCap(nodeId, cap);
        return _propose(nodeId, amount, evidence);
    }

    /// @notice The owner objects, once: the guardians get another appeal window to cancel.
    function appeal(uint256 slashId, bytes32 statement) external {
        Slash storage slash = slashes[slashId];
        uint256 nodeId = slash.nodeId;
        _onlyOwner(nodeId);
        if (slash.state != SlashState.Pending) revert WrongSlashState(slashId, slash.state);
        slash.state = SlashState.Appealed;
        slash.executableAt += parameters.appealWindow;
        emit SlashAppealed(slashId, nodeId, statement, slash.executableAt);
    }

    /// @notice Drops a slash before it is executed; by the guardians.
    function cancelSlash(uint256 slashId) external restricted {
        Slash storage slash = _open(slashId);
        uint256 nodeId = slash.nodeId;
        slash.state = SlashState.Cancelled;
        --_accounts[nodeId].pendingSlashes;
        Budget storage budget = budgets[nodeId];
        if (budget.period == slash.period) budget.spent -= slash.amount;
        emit SlashCancelled(slashId, nodeId);
    }

    /// @notice Carries out a slash after its window: from the bond first, then from what is unbonding; and jails.
    function executeSlash(uint256 slashId) external nonReentrant returns (uint256 amount) {
        Slash storage slash = _open(slashId);
        if (block.timestamp < slash.executableAt) revert TooEarly(slash.executableAt);
        uint256 nodeId = slash.nodeId;
        Account storage account = _accounts[nodeId];
        amount = _take(account, slash.amount);
        uint40 jailedUntil = uint40(block.timestamp + parameters.jailTime);
        slash.state = SlashState.Executed;
        --account.pendingSlashes;
        account.jailedUntil = jailedUntil;
        emit Slashed(slashId, nodeId, amount, jailedUntil);
        token.safeTransfer(treasury, amount);
    }

    /// @notice Leaves jail after its time; by the owner or the signer.
    function unjail(uint256 nodeId) external {
        INodeRegistry.Keys memory keys = registry.keysOf(nodeId);
        if (msg.sender != keys.owner && msg.sender != keys.signer) revert NotNode(nodeId, msg.sender);
        uint40 jailedUntil = _accounts[nodeId].jailedUntil;
        if (jailedUntil == 0) revert NotJailed(nodeId);
        if (block.timestamp < jailedUntil) revert TooEarly(jailedUntil);
        _accounts[nodeId].jailedUntil = 0;
        emit Unjailed(nodeId);
    }

    /// @notice Sets the rules; through the timelock.
    function setParameters(Parameters calldata next) external restricted {
        _setParameters(next);
    }

    // --- reads -----------------------------------------------------------------------------------------------------

    /// @notice The stake of a node and its way out, oldest entry first.
    function stakeOf(uint256 nodeId)
        external
        view
        returns (uint256 bonded, uint256 unbonding, uint256 jailedUntil, Unbonding[] memory entries)
    {
        Account storage account = _accounts[nodeId];
        entries = new Unbonding[](account.entryCount);
        for (uint256 i = 0; i < entries.length; ++i) {
            entries[i] = account.entries[i];
        }
        return (account.bonded, account.unbonding, account.jailedUntil, entries);
    }

    /// @notice What `withdraw` would pay now.
    function withdrawable(uint256 nodeId) external view returns (uint256 amount) {
        Account storage account = _accounts[nodeId];
        if (account.pendingSlashes != 0) return 0;
        for (uint256 i = 0; i < account.entryCount; ++i) {
            if (account.entries[i].unlockTime <= block.timestamp) amount += account.entries[i].amount;
        }
    }

    /// @notice Whether work may be given to a node: registered, not suspended, not jailed, bond high enough.
    function listed(uint256 nodeId) external view returns (bool) {
        INodeRegistry.Status status = registry.keysOf(nodeId).status;
        Account storage account = _accounts[nodeId];
        return status == INodeRegistry.Status.Active && account.jailedUntil == 0
            && account.bonded >= parameters.minimumBond;
    }

    /// @notice The most that a slash proposed now can take: the cap of one offence within the cap of the day.
    function slashable(uint256 nodeId) public view returns (uint256) {
        Budget memory budget = _budget(nodeId);
        uint256 offenceCap = _stake(nodeId) * parameters.offenceCapBps / BPS;
        uint256 left = budget.limit - budget.spent;
        return offenceCap < left ? offenceCap : left;
    }

    // --- inside ----------------------------------------------------------------------------------------------------

    function _bond(uint256 nodeId, uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        INodeRegistry.Keys memory keys = registry.keysOf(nodeId);
        if (keys.status == INodeRegistry.Status.None || keys.status == INodeRegistry.Status.Gone) {
            revert NodeNotLive(nodeId);
        }
        if (msg.sender == keys.signer) revert SignerMayNotBond(nodeId);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert InexactTransfer(amount, received);
        _accounts[nodeId].bonded += amount.toUint96();
        emit Bonded(nodeId, msg.sender, amount);
    }

    function _propose(uint256 nodeId, uint256 amount, bytes32 evidence) private returns (uint256 slashId) {
        if (amount == 0) revert ZeroAmount();
        Budget memory budget = _budget(nodeId);
        budget.spent += uint96(amount);
        budgets[nodeId] = budget;
        ++_accounts[nodeId].pendingSlashes;
        uint40 executableAt = uint40(block.timestamp + parameters.appealWindow);
        slashId = ++lastSlashId;
        slashes[slashId] =
            Slash(nodeId.toUint64(), uint96(amount), SlashState.Pending, executableAt, budget.period, evidence);
        emit SlashProposed(slashId, nodeId, amount, evidence, executableAt);
    }

    /// Moves what is unlocked out of the queue and closes the gaps.
    function _takeUnlocked(Account storage account) private returns (uint96 amount) {
        uint8 count = account.entryCount;
        uint8 kept = 0;
        for (uint8 i = 0; i < count; ++i) {
            Unbonding memory entry = account.entries[i];
            if (entry.unlockTime <= block.timestamp) {
                amount += entry.amount;
            } else {
                if (kept != i) account.entries[kept] = entry;
                ++kept;
            }
        }
        for (uint8 i = kept; i < count; ++i) {
            delete account.entries[i];
        }
        account.entryCount = kept;
        account.unbonding -= amount;
    }

    /// Takes up to `wanted` from the bond, then from the queue, newest entry first.
    function _take(Account storage account, uint96 wanted) private returns (uint96 taken) {
        taken = wanted < account.bonded ? wanted : account.bonded;
        account.bonded -= taken;
        uint8 count = account.entryCount;
        while (taken < wanted && count > 0) {
            Unbonding storage entry = account.entries[count - 1];
            uint96 part = wanted - taken < entry.amount ? wanted - taken : entry.amount;
            taken += part;
            account.unbonding -= part;
            entry.amount -= part;
            if (entry.amount == 0) {
                delete account.entries[count - 1];
                --count;
            }
        }
        account.entryCount = count;
    }

    /// The budget of this period: opened by its first slash, on the stake of that moment.
    function _budget(uint256 nodeId) private view returns (Budget memory budget) {
        budget = budgets[nodeId];
        uint40 period = uint40(block.timestamp / SLASH_PERIOD);
        if (budget.period != period) {
            budget = Budget(period, 0, uint96(_stake(nodeId) * parameters.periodCapBps / BPS));
        }
    }

    function _stake(uint256 nodeId) private view returns (uint256) {
        Account storage account = _accounts[nodeId];
        return uint256(account.bonded) + account.unbonding;
    }

    function _open(uint256 slashId) private view returns (Slash storage slash) {
        slash = slashes[slashId];
        if (slash.state != SlashState.Pending && slash.state != SlashState.Appealed) {
            revert WrongSlashState(slashId, slash.state);
        }
    }

    function _onlyOwner(uint256 nodeId) private view {
        if (msg.sender != registry.keysOf(nodeId).owner) revert NotOwner(nodeId, msg.sender);
    }

    function _setParameters(Parameters memory next) private {
        bool times = next.unbondingTime >= 7 days && next.unbondingTime <= 21 days
            && next.evidenceAge < next.unbondingTime && next.appealWindow <= 30 days && next.jailTime <= 365 days;
        if (!times || next.offenceCapBps > BPS || next.periodCapBps > BPS) revert BadParameters();
        parameters = next;
        emit ParametersSet(next);
    }
}
