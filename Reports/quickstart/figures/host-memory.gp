# Host memory
# Draws host-memory.csv into host-memory.svg: run "gnuplot host-memory.gp" in this folder.
set encoding utf8
set terminal svg size 960,400 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'host-memory.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set xrange [0:90000000000/1000000000.0]
set object rectangle from screen 0.08750, 0.93250 to screen 0.10833, 0.96750 front fillstyle solid noborder fillcolor rgb '#0072B2'
set label 'Private' at screen 0.11563, 0.95000 left front textcolor rgb '#333C46'
set object rectangle from screen 0.20250, 0.93250 to screen 0.22333, 0.96750 front fillstyle solid noborder fillcolor rgb '#009E73'
set label 'Shared' at screen 0.23062, 0.95000 left front textcolor rgb '#333C46'
set object rectangle from screen 0.30896, 0.93250 to screen 0.32979, 0.96750 front fillstyle solid noborder fillcolor rgb '#E6EAEE'
set label 'Free' at screen 0.33708, 0.95000 left front textcolor rgb '#333C46'
set arrow from screen 0.39208, 0.95000 to screen 0.41917, 0.95000 nohead front linewidth 2.5 dashtype solid linecolor rgb '#D55E00'
set label 'In balloons' at screen 0.42646, 0.95000 left front textcolor rgb '#333C46'
set arrow from screen 0.54125, 0.95000 to screen 0.56833, 0.95000 nohead front linewidth 2.5 dashtype (5,3) linecolor rgb '#1B2127'
set label 'Swapped out' at screen 0.57562, 0.95000 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.97500
set tmargin at screen 0.88000; set bmargin at screen 0.14000
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
set ylabel 'Memory (MiB)' textcolor rgb '#333C46'
set yrange [0:1064.96]; set ytics 0, 200.0
plot 'host-memory.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$2)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#0072B2', \
  'host-memory.csv' every 1 skip 1 using ($1/1000000000.0):(($2)/1048576.0):(($2+$3)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#009E73', \
  'host-memory.csv' every 1 skip 1 using ($1/1000000000.0):(($2+$3)/1048576.0):(($2+$3+$4)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#E6EAEE', \
  'host-memory.csv' every 1 skip 1 using ($1/1000000000.0):($5/1048576.0) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF', \
  'host-memory.csv' every 1 skip 1 using ($1/1000000000.0):($5/1048576.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#D55E00', \
  'host-memory.csv' every 1 skip 1 using ($1/1000000000.0):($6/1048576.0) with lines linewidth 2.2 dashtype (5,3) linecolor rgb '#1B2127'
