"""From "connect" to a seller whose shops are pulled: our app, the consent, the exchange, the choice of shops."""
