// Answers each request of the JSON array on standard input with what viem makes of it.
import { readFileSync } from 'node:fs'
import { hashMessage, hashTypedData, keccak256, parseTransaction, serializeTransaction } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createSiweMessage, parseSiweMessage } from 'viem/siwe'

const answers = {
  async typed({ document, key }) {
    const { EIP712Domain, ...types } = document.types
    const data = { ...document, types }
    return { digest: hashTypedData(data), signature: await privateKeyToAccount(key).signTypedData(data) }
  },
  async transaction({ request, key }) {
    const amounts = ['value', 'gas', 'maxFeePerGas', 'maxPriorityFeePerGas']
    const transaction = { ...request, type: 'eip1559', ...Object.fromEntries(amounts.map((n) => [n, BigInt(request[n])])) }
    const raw = await privateKeyToAccount(key).signTransaction(transaction)
    return { digest: keccak256(serializeTransaction(transaction)), raw, hash: keccak256(raw), type: parseTransaction(raw).type }
  },
  async signIn({ fields, key }) {
    const dates = ['issuedAt', 'expirationTime', 'notBefore'].filter((name) => fields[name])
    const message = createSiweMessage({ ...fields, ...Object.fromEntries(dates.map((n) => [n, new Date(fields[n])])) })
    const signature = await privateKeyToAccount(key).signMessage({ message })
    return { message, digest: hashMessage(message), signature, parsed: parseSiweMessage(message) }
  },
}

const requests = JSON.parse(readFileSync(0, 'utf8'))
const found = await Promise.all(requests.map(({ kind, ...request }) => answers[kind](request)))
console.log(JSON.stringify(found))
