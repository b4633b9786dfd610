"""What runs without a plant: backtests and the demo."""
