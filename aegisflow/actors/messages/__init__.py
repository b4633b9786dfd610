"""Every message between actors, one module for each receiver.

Acts are imperative, facts past tense, questions carry the type of their answer. Nothing in a
message is mutable.
"""
