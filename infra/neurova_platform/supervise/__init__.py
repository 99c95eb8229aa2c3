"""`neurova run`: a supervisor that keeps the processes of each role (roles.py) alive."""
