"""The upgrade guide as one operation: from the plan to the record, each step in a module of its own.

`ways` are the ways in which a mesh may be installed, and therefore upgraded; `recovering` finds the settings that it
was installed with; `preparing` renders, tries and plans; `running` carries it out, phase by phase.
"""
