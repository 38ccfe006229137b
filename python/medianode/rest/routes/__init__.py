"""One resource a file. Each converts, calls one method, and converts back."""
