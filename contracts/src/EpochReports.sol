// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Rewards} from "./Rewards.sol";

/// @title What the network measured and owes, epoch by epoch
/// @notice k of n reporters agree on the roots of an epoch; after a window in which the guardians can veto it,
/// anybody activates it. Totals are cumulative, so an epoch that was lost or vetoed is made good by the next one.
/// Epoch n is the n-th stretch of `epochLength` seconds since 1970.
contract EpochReports is Rewards, AccessManaged {
    using SafeCast for uint256;

    enum Status {
        None,
        Reported,
        Vetoed,
        Active
    }

    struct Report {
        bytes32 usageRoot;
        bytes32 rewardRoot;
        uint128 cumulativeTotal;
        uint64 activatableAt;
        Status status;
    }

    struct Parameters {
        uint128 emissionCap; // most by which the total may rise per epoch, in units of the token
        uint64 window; // seconds between agreement and activation
        uint8 quorum; // votes that agree
    }

    uint256 public constant MAX_URI_BYTES = 256;

    uint64 public immutable epochLength;

    Parameters public parameters;
    uint8 public reporterCount;

    mapping(uint64 epoch => Report) private _reports;
    mapping(address reporter => bool) public isReporter;
    /// The digest that a reporter voted for.
    mapping(uint64 epoch => mapping(address reporter => bytes32)) public voteOf;
    mapping(uint64 epoch => mapping(bytes32 digest => uint256)) public votes;

    event Voted(uint64 indexed epoch, address indexed reporter, bytes32 indexed digest, bytes32 fileHash, string uri);
    event Reported(
        uint64 indexed epoch,
        bytes32 usageRoot,
        bytes32 rewardRoot,
        uint256 cumulativeTotal,
        bytes32 fileHash,
        uint256 activatableAt
    );
    event Vetoed(uint64 indexed epoch);
    event Activated(uint64 indexed epoch, bytes32 rewardRoot, uint256 cumulativeTotal);
    event ReporterSet(address indexed reporter, bool allowed);
    event ParametersSet(Parameters parameters);

    error NotReporter(address caller);
    error EpochNotOver(uint64 epoch);
    error EpochNotNewer(uint64 epoch, uint64 active);
    error AlreadyVoted(uint64 epoch, address reporter);
    error AboveEmissionCap(uint256 total, uint256 most);
    error TotalFalls(uint256 total, uint256 present);
    error UriTooLong(uint256 bytesGiven);
    error WrongStatus(uint64 epoch, Status status);
    error TooEarly(uint256 activatableAt);
    error TooLate(uint256 activatableAt);
    error NoChange(address reporter);
    error BadParameters();

    constructor(
        address authority,
        IERC20 token,
        uint64 epochLength_,
        address[] memory reporters,
        Parameters memory initial
    ) Rewards(token) AccessManaged(authority) {
        if (epochLength_ < 1 minutes) revert BadParameters();
        epochLength = epochLength_;
        head.epoch = uint64(block.timestamp) / epochLength_ - 1;
        for (uint256 i = 0; i < reporters.length; ++i) {
            _setReporter(reporters[i], true);
        }
        _setParameters(initial);
    }

    // --- reports ---------------------------------------------------------------------------------------------------

    /// @notice Votes for the roots of an epoch that is over. `fileHash` is the hash of the canonical file of inputs
    /// from which both trees can be computed again, `uri` says where this reporter publishes it.
    function report(
        uint64 epoch,
        bytes32 usageRoot,
        bytes32 rewardRoot,
        uint128 cumulativeTotal,
        bytes32 fileHash,
        string calldata uri
    ) external {
        if (!isReporter[msg.sender]) revert NotReporter(msg.sender);
        if (bytes(uri).length > MAX_URI_BYTES) revert UriTooLong(bytes(uri).length);
        if (block.timestamp / epochLength <= epoch) revert EpochNotOver(epoch);
        _checkTotal(epoch, cumulativeTotal);
        if (_reports[epoch].status != Status.None) revert WrongStatus(epoch, _reports[epoch].status);
        if (voteOf[epoch][msg.sender] != 0) revert AlreadyVoted(epoch, msg.sender);

        bytes32 digest = keccak256(abi.encode(epoch, usageRoot, rewardRoot, cumulativeTotal, fileHash));
        voteOf[epoch][msg.sender] = digest;
        uint256 count = ++votes[epoch][digest];
        emit Voted(epoch, msg.sender, digest, fileHash, uri);
        if (count < parameters.quorum) return;

        _checkPool(cumulativeTotal);
        uint64 activatableAt = uint64(block.timestamp) + parameters.window;
        _reports[epoch] = Report(usageRoot, rewardRoot, cumulativeTotal, activatableAt, Status.Reported);
        emit Reported(epoch, usageRoot, rewardRoot, cumulativeTotal, fileHash, activatableAt);
    }

    /// @notice Strikes out an agreed epoch within its window; by the guardians.
    function veto(uint64 epoch) external restricted {
        Report storage entry = _reported(epoch);
        if (block.timestamp >= entry.activatableAt) revert TooLate(entry.activatableAt);
        entry.status = Status.Vetoed;
        emit Vetoed(epoch);
    }

    /// @notice Makes an agreed epoch the one that is paid, after its window; anybody may.
    function activate(uint64 epoch) external {
        Report storage entry = _reported(epoch);
        if (block.timestamp < entry.activatableAt) revert TooEarly(entry.activatableAt);
        uint128 total = entry.cumulativeTotal;
        Head memory active = _checkTotal(epoch, total);
        entry.status = Status.Active;
        head = Head(epoch, uint256(total).toUint96(), active.claimedTotal);
        emit Activated(epoch, entry.rewardRoot, total);
    }

    // --- rules, through the timelock -------------------------------------------------------------------------------

    /// @notice Adds or removes a reporter.
    function setReporter(address reporter, bool allowed) external restricted {
        _setReporter(reporter, allowed);
        if (reporterCount < parameters.quorum) revert BadParameters();
    }

    /// @notice Sets the cap, the window and the quorum.
    function setParameters(Parameters calldata next) external restricted {
        _setParameters(next);
    }

    // --- reads -----------------------------------------------------------------------------------------------------

    /// @notice What was agreed for an epoch; all zero before that.
    function reports(uint64 epoch) external view returns (Report memory) {
        return _reports[epoch];
    }

    /// @notice The most that the cumulative total of an epoch may be now.
    function mostFor(uint64 epoch) external view returns (uint256) {
        return _most(head, epoch);
    }

    // --- inside ----------------------------------------------------------------------------------------------------

    /// The emission cap and the order of epochs; at the vote, and again at activation when others came between.
    function _checkTotal(uint64 epoch, uint128 total) private view returns (Head memory active) {
        active = head;
        if (epoch <= active.epoch) revert EpochNotNewer(epoch, active.epoch);
        if (total < active.cumulativeTotal) revert TotalFalls(total, active.cumulativeTotal);
        uint256 most = _most(active, epoch);
        if (total > most) revert AboveEmissionCap(total, most);
    }

    function _most(Head memory active, uint64 epoch) private view returns (uint256) {
        if (epoch <= active.epoch) return active.cumulativeTotal;
        return active.cumulativeTotal + uint256(epoch - active.epoch) * parameters.emissionCap;
    }

    function _rewardRoot(uint64 epoch) internal view override returns (bytes32) {
        return _reports[epoch].rewardRoot;
    }

    function _reported(uint64 epoch) private view returns (Report storage entry) {
        entry = _reports[epoch];
        if (entry.status != Status.Reported) revert WrongStatus(epoch, entry.status);
    }

    function _setReporter(address reporter, bool allowed) private {
        if (reporter == address(0) || isReporter[reporter] == allowed) revert NoChange(reporter);
        isReporter[reporter] = allowed;
        reporterCount = allowed ? reporterCount + 1 : reporterCount - 1;
        emit ReporterSet(reporter, allowed);
    }

    function _setParameters(Parameters memory next) private {
        bool quorum = next.quorum > 0 && next.quorum <= reporterCount;
        if (!quorum || next.window > 30 days) revert BadParameters();
        parameters = next;
        emit ParametersSet(next);
    }
}
