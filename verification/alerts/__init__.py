"""Alerts, anomalies in the history of questions, and the budget against guessing."""
