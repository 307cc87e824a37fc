"""Write the orders of the invented month as shop exports."""
