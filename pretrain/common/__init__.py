"""What the pretraining pipelines share: training loop, encoding, tokenizer."""
