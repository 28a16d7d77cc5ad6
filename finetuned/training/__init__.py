"""Training of one's own: recipe → stages → a model folder that `run:DIR` loads. README.md one folder up."""
