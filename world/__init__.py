"""The desk world: a fictional web to search, questions about it, and a stand-in teacher."""
