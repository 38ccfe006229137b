// The second implementation: blocks come when a test asks for them, and the pool wants 10 % more for a replacement.
module.exports = {
  solidity: "0.8.37",
  networks: {
    hardhat: { chainId: 31338, mining: { auto: false, interval: 0 }, hardfork: "cancun", loggingEnabled: false },
  },
};
