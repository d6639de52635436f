"""The pages: each gathers data for the parts, asks the gate, and changes nothing by GET."""
