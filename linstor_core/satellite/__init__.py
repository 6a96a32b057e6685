"""What runs on every node that holds data: observe, plan, execute, until nothing is left to do."""
