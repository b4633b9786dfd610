"""The page for operators: what is wrong, how sure that is, who has it, and what waits for a decision."""
