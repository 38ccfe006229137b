// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {QosEvidence} from "../src/QosEvidence.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {DeployedTest} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title What the contracts hash is EIP-712: compared with Forge's own encoder, from the JSON of the messages
contract TypedDataTest is DeployedTest {
    string private constant DOMAIN_TYPE =
        '"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},'
        '{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}]';

    function document(string memory name, address target, string memory kind, string memory fields, string memory message)
        private
        view
        returns (bytes32)
    {
        string memory domain = string.concat(
            '{"name":"', name, '","version":"1","chainId":', vm.toString(block.chainid),
            ',"verifyingContract":"', vm.toString(target), '"}'
        );
        return vm.eip712HashTypedData(
            string.concat(
                '{"types":{', DOMAIN_TYPE, ',"', kind, '":[', fields, ']},"primaryType":"', kind, '","domain":',
                domain, ',"message":{', message, "}}"
            )
        );
    }

    function field(string memory name, string memory kind) private pure returns (string memory) {
        return string.concat('{"name":"', name, '","type":"', kind, '"}');
    }

    function test_signerConsent() public view {
        string memory fields = string.concat(
            field("owner", "address"), ",", field("signer", "address"), ",", field("nonce", "uint256"), ",",
            field("deadline", "uint256")
        );
        string memory message = string.concat(
            '"owner":"', vm.toString(owner), '","signer":"', vm.toString(signer), '","nonce":"3","deadline":"99"'
        );
        bytes32 structHash = keccak256(abi.encode(registry.SIGNER_CONSENT_TYPEHASH(), owner, signer, 3, 99));
        vm.assertEq(
            registryDigest(structHash),
            document("MediaNodeRegistry", address(registry), "SignerConsent", fields, message)
        );
    }

    function test_register() public view {
        string memory fields = string.concat(
            field("owner", "address"), ",", field("signer", "address"), ",", field("payee", "address"), ",",
            field("region", "bytes8"), ",", field("version", "uint32"), ",", field("capsHash", "bytes32"), ","
        );
        fields = string.concat(
            fields, field("endpoint", "string"), ",", field("nonce", "uint256"), ",", field("deadline", "uint256")
        );
        NodeRegistry.Registration memory node = registrationOf(signer);
        string memory message = string.concat(
            '"owner":"', vm.toString(owner), '","signer":"', vm.toString(signer), '","payee":"',
            vm.toString(payee), '","region":"0x65752d7765737400","version":"', vm.toString(node.version)
        );
        message = string.concat(
            message, '","capsHash":"', vm.toString(node.capsHash), '","endpoint":"', node.endpoint,
            '","nonce":"3","deadline":"99"'
        );
        vm.assertEq(
            registryDigest(registerHash(owner, node, 3, 99)),
            document("MediaNodeRegistry", address(registry), "Register", fields, message)
        );
    }

    function test_theOtherTypesOfTheRegistry() public view {
        vm.assertEq(
            registry.UPDATE_TYPEHASH(),
            keccak256(
                "Update(uint256 nodeId,bytes8 region,uint32 version,bytes32 capsHash,string endpoint,uint256 nonce,uint256 deadline)"
            )
        );
        vm.assertEq(
            registry.ROTATE_TYPEHASH(),
            keccak256("Rotate(uint256 nodeId,address signer,uint256 nonce,uint256 deadline)")
        );
        vm.assertEq(
            registry.DEREGISTER_TYPEHASH(), keccak256("Deregister(uint256 nodeId,uint256 nonce,uint256 deadline)")
        );
    }

    function test_qosReport() public view {
        string[12] memory names = [
            "nodeId", "epoch", "seq", "start", "end", "bytesRelayed", "participantMs", "sessions", "lossPpm",
            "rttP95Us", "sessionsRoot", "prevDigest"
        ];
        string[12] memory kinds = [
            "uint256", "uint64", "uint64", "uint64", "uint64", "uint128", "uint64", "uint32", "uint32", "uint32",
            "bytes32", "bytes32"
        ];
        string memory fields = field(names[0], kinds[0]);
        string memory message = '"nodeId":"1"';
        for (uint256 i = 1; i < 12; ++i) {
            fields = string.concat(fields, ",", field(names[i], kinds[i]));
            string memory value = i < 10 ? vm.toString(i + 1) : vm.toString(bytes32(i + 1));
            message = string.concat(message, ',"', names[i], '":"', value, '"');
        }
        QosEvidence.QosReport memory report =
            QosEvidence.QosReport(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, bytes32(uint256(11)), bytes32(uint256(12)));
        vm.assertEq(
            staking.reportDigest(report), document("MediaQos", address(staking), "QosReport", fields, message)
        );
    }

    function test_domainsFollowTheChain() public {
        bytes32 here = registry.domainSeparator();
        bytes32 stakingHere = staking.domainSeparator();
        vm.chainId(block.chainid + 1);
        vm.assertTrue(registry.domainSeparator() != here);
        vm.assertTrue(staking.domainSeparator() != stakingHere);
    }
}
