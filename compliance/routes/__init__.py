"""The duties over HTTP: recalls and exports."""
