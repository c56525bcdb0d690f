"""What is measured, one module a question; tasks of peers import nothing of ours."""
