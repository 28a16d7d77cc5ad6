"""Stress tests: the same questions with what is read changed in one way each, and what a careful reader then does."""
