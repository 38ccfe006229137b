// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The token of test chains: a fixed supply, nothing else
contract MediaToken is ERC20Permit {
    constructor(address holder, uint256 supply) ERC20("Media Token", "MEDIA") ERC20Permit("Media Token") {
        _mint(holder, supply);
    }
}
