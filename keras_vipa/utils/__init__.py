"""Small tools without any knowledge of the methods."""
