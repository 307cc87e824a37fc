"""Give a job to the scheduler of this computer, or take it away: each twice without harm."""
