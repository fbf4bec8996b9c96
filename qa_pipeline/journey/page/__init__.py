"""The report of a journey as one HTML page: `report` is the main path, the others are its sections."""
