"""What an answer says that its sources do not: exact rules, and a checker model."""
