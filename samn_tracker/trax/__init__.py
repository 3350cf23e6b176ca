"""TraX: any tracker of the contract behind the protocol of the VOT toolkit."""
