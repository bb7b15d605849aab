"""Exchange with trading partners: one mailbox, whatever the channel (AS2, HTTPS, folder …)."""
