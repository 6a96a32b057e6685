"""The controller: the model, its rules, and the REST API."""
