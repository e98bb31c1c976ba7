"""The emotion of a group photo, after the AMD entry of 2017 (Rassadin, Gruzdev & Savchenko,
doi:10.1145/3136755.3143007).
"""
