"""What a person or a pipeline sees. Values in, text out; the only importer of rich, and only when drawing."""
